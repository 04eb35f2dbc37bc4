import { describe, expect, test } from "vitest";
import { deriveSource, osRelease, parseDeb822, parseSourcesList } from "../../../src/embedded/apt-sources.ts";

const DEB822 = `Types: deb
# where the image came from
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
Enabled: no
URIs: http://other.example/debian
Suites: bookworm
Components: main
`;

describe("sources that a machine has", () => {
  test("deb822", () => {
    expect(parseDeb822(DEB822)).toEqual([
      {
        uris: ["http://mirror.example/debian"],
        suites: ["bookworm", "bookworm-updates"],
        components: ["main", "contrib"],
        signedBy: "/usr/share/keyrings/debian-archive-keyring.gpg",
      },
      {
        uris: ["http://mirror.example/debian-security"],
        suites: ["bookworm-security"],
        components: ["main"],
        signedBy: "/usr/share/keyrings/debian-archive-keyring.gpg",
      },
    ]);
  });

  test("one line each", () => {
    const text = `# deb http://old.example/debian stretch main
deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian bookworm main non-free # comment
deb-src https://mirror.example/debian bookworm main
deb http://second.example/debian bookworm-updates main
`;
    expect(parseSourcesList(text)).toEqual([
      {
        uris: ["https://mirror.example/debian"],
        suites: ["bookworm"],
        components: ["main", "non-free"],
        signedBy: "/k.gpg",
      },
      { uris: ["http://second.example/debian"], suites: ["bookworm-updates"], components: ["main"] },
    ]);
  });

  test("an embedded key keeps its lines", () => {
    const key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----";
    const text = `Types: deb\nURIs: http://m.example\nSuites: bookworm\nComponents: main\nSigned-By:${key}\n`;
    expect(deriveSource(parseDeb822(text), "bookworm", "sid")).toContain(`Signed-By: ${key.trim()}`);
  });
});

describe("the derived source", () => {
  test("has the machine's mirror and keyring, and the other suite", () => {
    expect(deriveSource(parseDeb822(DEB822), "bookworm", "forky")).toBe(
      "Types: deb\nURIs: http://mirror.example/debian\nSuites: forky\nComponents: main\n" +
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
    );
  });

  test("comes only from the source of the machine's own release", () => {
    const foreign = "deb http://x.example/tool stable main\ndeb http://x.example/apt tool-bookworm main\n";
    expect(deriveSource(parseSourcesList(foreign), "bookworm", "forky")).toBeUndefined();
  });
});

test.each([
  ["ID=debian\nVERSION_CODENAME=bookworm\n", "VERSION_CODENAME", "bookworm"],
  ['ID="debian"\n', "ID", "debian"],
  ["ID_LIKE=debian\n", "ID", undefined],
])("os-release %j, %s", (text, key, expected) => {
  expect(osRelease(text, key)).toBe(expected);
});
