import { decodeProtectedHeader } from "jose";
import { expect, test } from "vitest";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { TOKEN_SECONDS } from "../../../src/shared/session-log/tokens/session-token.ts";
import { AHEAD_MS, createSigner, FOUND_SECONDS, SIGNS_MS } from "../../../src/tokens/signer.ts";
import { eventually } from "../../support/eventually.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const SESSION = { user: "ann", id: "s1", name: "A".repeat(22) };

test("keys follow each other: each is published before it signs, and found until its last token has ended", async () => {
  const clock = createFakeClock();
  const published: { kid: string; at: number; until: number }[] = [];
  let fails = false;
  const signer = await createSigner({
    clock,
    log: silentLogger(),
    async publish({ kid }, seconds) {
      if (fails) throw new Error("the broker is away");
      published.push({ kid, at: clock.now(), until: clock.now() + seconds * 1000 });
    },
  });
  const signedBy = async (): Promise<string | undefined> =>
    decodeProtectedHeader((await signer.sign(SESSION, ["read"])).token).kid;
  const [first] = published;
  expect(await signedBy()).toBe(first?.kid);

  await clock.pass(SIGNS_MS - AHEAD_MS);
  await eventually(() => expect(published).toHaveLength(2));
  expect(await signedBy()).toBe(first?.kid); // two can be found, the older one signs
  const turn = clock.now() + AHEAD_MS;
  await eventually(async () => {
    await clock.pass(AHEAD_MS);
    expect(await signedBy()).toBe(published[1]?.kid);
  });
  // the last token of the first key ends before that key is gone
  expect(first?.until).toBeGreaterThanOrEqual(turn + TOKEN_SECONDS * 1000);
  expect(FOUND_SECONDS).toBeGreaterThan(TOKEN_SECONDS);

  fails = true;
  await clock.pass(SIGNS_MS - AHEAD_MS);
  expect(await signedBy()).toBe(published[1]?.kid); // it signs on
  fails = false;
  await eventually(async () => {
    await clock.pass(2000);
    expect(published).toHaveLength(3);
  });
  signer.close();
});

test("after the machine slept, no token is signed by a key whose public half may be gone", async () => {
  const clock = createFakeClock();
  const published: string[] = [];
  let fails = false;
  const signer = await createSigner({
    clock,
    log: silentLogger(),
    async publish({ kid }) {
      if (fails) throw new Error("the broker is away");
      published.push(kid);
    },
  });
  const signedBy = async (): Promise<string | undefined> =>
    decodeProtectedHeader((await signer.sign(SESSION, ["read"])).token).kid;
  const usable = (FOUND_SECONDS - TOKEN_SECONDS) * 1000;
  clock.setWall(clock.wall() + usable - 1); // timers stood still
  expect(await signedBy()).toBe(published[0]);
  clock.setWall(clock.wall() + 1);
  fails = true;
  await expect(signedBy()).rejects.toThrow("the broker is away");
  fails = false;
  const several = await Promise.all([signedBy(), signedBy(), signedBy()]);
  expect(published).toHaveLength(2);
  expect(new Set(several)).toEqual(new Set([published[1]]));
  clock.setWall(0); // a clock that is set back changes nothing
  expect(await signedBy()).toBe(published[1]);
  signer.close();
});
