import { generateKeyPairSync, sign } from "node:crypto";

/** A self-signed certificate for 127.0.0.1 that is its own authority, and its key, both PEM. Valid on any date a machine may have. */
export function selfSigned(): { certificate: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const algorithm = der(0x30, oid("2b6570"));
  const name = der(0x30, der(0x31, der(0x30, oid("550403"), der(0x0c, Buffer.from("localhost")))));
  const addresses = der(0x30, der(0x87, Buffer.from([127, 0, 0, 1])));
  const authority = der(0x30, der(0x01, Buffer.from([0xff])));
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, Buffer.from([1])),
    algorithm,
    name,
    der(0x30, time("19700101000000Z"), time("99991231235959Z")),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, der(0x30, extension("551d11", addresses), extension("551d13", authority))),
  );
  const signature = der(0x03, Buffer.from([0]), sign(null, body, privateKey));
  const text = der(0x30, body, algorithm, signature).toString("base64");
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${text.replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const long = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  const head = [tag, ...(length < 0x80 ? [length] : long)];
  return Buffer.concat([Buffer.from(head), content]);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

function time(text: string): Buffer {
  return der(0x18, Buffer.from(text));
}

function extension(id: string, value: Buffer): Buffer {
  return der(0x30, oid(id), der(0x04, value));
}
