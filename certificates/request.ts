// Certificate signing requests of a proxy: a key of its own and a proof that it holds the key,
// nothing else. The DER is small enough to write by hand, which keeps the X.509 library (15 MB) out
// of the agent's memory.

import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const version = Buffer.from([0x02, 0x01, 0x00]);
const emptySubject = Buffer.from([0x30, 0x00]);
const noAttributes = Buffer.from([0xa0, 0x00]);
/** 1.2.840.10045.4.3.2, ecdsa-with-SHA256 (RFC 5758 §3.2). */
const ecdsaWithSha256 = Buffer.from('300a06082a8648ce3d040302', 'hex');

/** A fresh EC P-256 private key. */
export function createPrivateKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/**
 * A PKCS#10 request (RFC 2986) in PEM with an empty subject: the identity comes from the caller's
 * token, never from here.
 */
export function createRequest(privateKey: KeyObject): string {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const info = der(0x30, version, emptySubject, publicKey, noAttributes);
  const signature = sign('sha256', info, privateKey);
  const request = der(0x30, info, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
  const lines = request.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}

/** A private key in the PEM form that Envoy and OpenSSL read (PKCS#8). */
export function formatPrivateKey(key: KeyObject): string {
  return String(key.export({ type: 'pkcs8', format: 'pem' }));
}
