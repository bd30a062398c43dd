// SPDX-License-Identifier: MIT
//
// The imports of host.h for a WebAssembly instance, from a table of primitives (node_primitives.mjs shows its shape) and
// its questions. Addresses become views of the instance's memory, which are taken anew at each call, since memory that
// grows leaves old views empty.

// Runs what gives bytes and writes them; -1 tells the library that it failed.
function writing(memory, out, make) {
  let made;
  try { made = make(); } catch { return -1; }
  if (made === null) return -1;
  memory().set(made, out);
  return 0;
}

// ask: { checkCredential(owner, credential) -> 0 or an error, now(owner) -> seconds, findPsk(owner, id, out) -> 0 or an error,
//        findGroup(owner, id) -> a handle or 0, checkOutsider(owner, change) -> 0 or an error,
//        limit(owner, which) -> a bound, 0 for none }
export function hostImports(instance, primitives, ask) {
  const memory = () => new Uint8Array(instance().exports.memory.buffer);
  const copy = (at, length) => memory().slice(at, at + length);
  const parts = (at, count) => {
    const words = new Uint32Array(instance().exports.memory.buffer, at, 2 * count);
    return Array.from({ length: count }, (_, i) => copy(words[2 * i], words[2 * i + 1]));
  };
  const text = (at) => new TextDecoder().decode(copy(at, memory().indexOf(0, at) - at));
  const into = (out, make) => writing(memory, out, make);
  return {
    random: (out, length) => into(out, () => primitives.random(length)),
    sha256: (at, count, out) => into(out, () => primitives.sha256(parts(at, count))),
    hmac_sha256: (key, length, at, count, out) => into(out,
      () => primitives.hmacSha256(copy(key, length), parts(at, count))),
    x25519_public: (secret, out) => into(out, () => primitives.x25519Public(copy(secret, 32))),
    x25519: (secret, peer, out) => into(out, () => primitives.x25519(copy(secret, 32), copy(peer, 32))),
    ed25519_public: (seed, out) => into(out, () => primitives.ed25519Public(copy(seed, 32))),
    ed25519_sign: (seed, at, length, out) => into(out,
      () => primitives.ed25519Sign(copy(seed, 32), copy(at, length))),
    ed25519_verify(key, at, length, signature) {
      try {
        return primitives.ed25519Verify(copy(key, 32), copy(at, length), copy(signature, 64)) ? 0 : -1;
      } catch { return -1; } // a key that does not decode
    },
    aead_seal: (aead, key, nonce, aad, aadLength, at, length, out) => into(out, () => primitives.aeadSeal(aead,
      copy(key, aead === 1 ? 16 : 32), copy(nonce, 12), copy(aad, aadLength), copy(at, length))),
    aead_open: (aead, key, nonce, aad, aadLength, at, length, out) => into(out, () => primitives.aeadOpen(aead,
      copy(key, aead === 1 ? 16 : 32), copy(nonce, 12), copy(aad, aadLength), copy(at, length))),
    failed(expression, file, line) { throw new Error(`${text(file)}:${line}: ${text(expression)} does not hold`); },
    check_credential: (owner, credential) => ask.checkCredential(owner, credential),
    now: (owner) => ask.now(owner),
    find_psk: (owner, id, length, out) => ask.findPsk(owner, copy(id, length), out),
    find_group: (owner, id, length) => ask.findGroup(owner, copy(id, length)),
    check_outsider: (owner, change) => ask.checkOutsider(owner, change),
    limit: (owner, which) => ask.limit(owner, which),
  };
}
