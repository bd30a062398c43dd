// SPDX-License-Identifier: MIT
//
// The primitives of mls/provider.h over node:crypto, for mls.mjs. A browser has none of them without waiting (WebCrypto
// answers later), so a client there takes libsodium's own wasm build in its place. Every function returns bytes, or null
// where the library is to be told that it failed.
import * as crypto from 'node:crypto';

const AES128GCM = 1;

// DER around a raw key (RFC 8410), which is how node takes one.
const pkcs8 = { x25519: '302e020100300506032b656e04220420', ed25519: '302e020100300506032b657004220420' };
const spki = { x25519: '302a300506032b656e032100', ed25519: '302a300506032b6570032100' };

const privateKey = (kind, raw) => crypto.createPrivateKey({
  key: Buffer.concat([Buffer.from(pkcs8[kind], 'hex'), raw]), format: 'der', type: 'pkcs8' });
const publicKey = (kind, raw) => crypto.createPublicKey({
  key: Buffer.concat([Buffer.from(spki[kind], 'hex'), raw]), format: 'der', type: 'spki' });
const publicOf = (kind, secret) => crypto.createPublicKey(privateKey(kind, secret))
  .export({ format: 'der', type: 'spki' }).subarray(-32);

function over(hash, parts) {
  for (const part of parts) hash.update(part);
  return hash.digest();
}

const cipherOf = (aead) => (aead === AES128GCM ? 'aes-128-gcm' : 'chacha20-poly1305');
const tagBytes = 16;

export const nodePrimitives = {
  random: (length) => crypto.randomBytes(length),
  sha256: (parts) => over(crypto.createHash('sha256'), parts),
  hmacSha256: (key, parts) => over(crypto.createHmac('sha256', key), parts),
  x25519Public: (secret) => publicOf('x25519', secret),
  // OpenSSL refuses an all-zero result by itself.
  x25519: (secret, peer) => crypto.diffieHellman({
    privateKey: privateKey('x25519', secret), publicKey: publicKey('x25519', peer) }),
  ed25519Public: (seed) => publicOf('ed25519', seed),
  ed25519Sign: (seed, message) => crypto.sign(null, message, privateKey('ed25519', seed)),
  // OpenSSL verifies without the cofactor and compares R as bytes, as mls/provider.h demands.
  ed25519Verify: (key, message, signature) => crypto.verify(null, message, publicKey('ed25519', key), signature),
  aeadSeal(aead, key, nonce, aad, plain) {
    const cipher = crypto.createCipheriv(cipherOf(aead), key, nonce, { authTagLength: tagBytes });
    cipher.setAAD(aad, { plaintextLength: plain.length });
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  },
  aeadOpen(aead, key, nonce, aad, sealed) {
    const end = sealed.length - tagBytes;
    const decipher = crypto.createDecipheriv(cipherOf(aead), key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(aad, { plaintextLength: end });
    decipher.setAuthTag(sealed.subarray(end));
    return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
  },
};
