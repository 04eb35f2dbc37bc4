import type { PublicKey } from "./question.ts";

// jose is loaded when the first token is handed over: most processes never do that.

const ALGORITHM = { alg: "ECDH-ES", enc: "A256GCM" } as const;

/** A key for one answer. `open` throws if that was not encrypted to it, or for another turn. */
export type AnswerKey = { key: PublicKey; open(sealed: Uint8Array, turn: string): Promise<string> };

export async function newAnswerKey(): Promise<AnswerKey> {
  const { generateKeyPair, exportJWK, compactDecrypt } = await import("jose");
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM.alg, { crv: "X25519" });
  const { x = "" } = await exportJWK(publicKey);
  return {
    key: { kty: "OKP", crv: "X25519", x },
    async open(sealed, turn) {
      const { plaintext, protectedHeader } = await compactDecrypt(sealed, privateKey, {
        keyManagementAlgorithms: [ALGORITHM.alg],
        contentEncryptionAlgorithms: [ALGORITHM.enc],
      });
      if (protectedHeader["turn"] !== turn) throw new Error("the answer is for another turn");
      return Buffer.from(plaintext).toString("utf8");
    },
  };
}

/** A token for the holder of the private key, and for nobody who reads the message on its way: brokers can log what they carry. */
export async function seal(token: string, turn: string, key: PublicKey): Promise<Uint8Array> {
  const { CompactEncrypt, importJWK } = await import("jose");
  const sealed = await new CompactEncrypt(Buffer.from(token))
    .setProtectedHeader({ ...ALGORITHM, turn })
    .encrypt(await importJWK(key, ALGORITHM.alg));
  return Buffer.from(sealed);
}
