// SPDX-License-Identifier: MIT
//
// Which Ed25519 signatures other verifiers take, over the vectors of C2SP/CCTV: WebCrypto of this node,
// ts-mls (which calls WebCrypto where there is one), noble in both of its modes. The rule of
// docs/e2ee.md is written down here a second time, from that text and not from our C: what passes its
// comparison of bytes must be decided alike by every verifier without the cofactor. How each one differs
// from the rule when nobody compares bytes for it, stands below as data.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ed25519 } from '@noble/curves/ed25519.js';
import * as mls from 'ts-mls';

const here = path.dirname(fileURLToPath(import.meta.url));
const file = path.join(process.env.SOTTO_VECTORS ?? path.join(here, '../../../shared/vectors'),
  'ed25519', 'ed25519vectors.json');
const skip = !existsSync(file) && process.env.SOTTO_REQUIRE_VECTORS !== '1'
  && `${file} is missing; set SOTTO_VECTORS to the folder of test vectors`;

const bytes = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));
const number = (littleEndian) => BigInt(`0x${Buffer.from(littleEndian).reverse().toString('hex')}`);

// ---- The rule of docs/e2ee.md, first half: bytes ---------------------------------------------

const p = 2n ** 255n - 19n;
const order = 2n ** 252n + 27742317777372353535851937790883648493n;
const smallOrder = new Set([0n, 1n, p - 1n,
  number(bytes('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')),
  number(bytes('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'))]);

function isFitPoint(point) {
  const y = number(point) % 2n ** 255n;
  return y < p && !smallOrder.has(y);
}

const isFit = ({ key, sig }) => isFitPoint(key) && isFitPoint(sig.subarray(0, 32))
  && number(sig.subarray(32)) < order;

// ---- The verifiers ---------------------------------------------------------------------------

// An import or a decoding that throws is a refusal.
const quietly = (verify) => async (vector) => {
  try { return await verify(vector); } catch { return false; }
};

const suite = await mls.getCiphersuiteImpl(mls.getCiphersuiteFromName(
  'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519'));

const verifiers = {
  WebCrypto: quietly(async ({ key, sig, msg }) => crypto.subtle.verify('Ed25519',
    await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']), sig, msg)),
  'ts-mls': quietly(({ key, sig, msg }) => suite.signature.verify(key, msg, sig)),
  'noble, ZIP 215': quietly(({ key, sig, msg }) => ed25519.verify(sig, msg, key)),
  'noble, RFC 8032': quietly(({ key, sig, msg }) => ed25519.verify(sig, msg, key, { zip215: false })),
};

// taken: of all vectors as they are. beyond: of these, what the rule refuses. behind: what it still takes
// wrongly when the bytes were compared first: 0 makes it fit for Sotto.
const differences = {
  WebCrypto: { taken: 208, beyond: 165, behind: 0 },
  'ts-mls': { taken: 208, beyond: 165, behind: 0 },
  'noble, ZIP 215': { taken: 826, beyond: 783, behind: 63 },
  'noble, RFC 8032': { taken: 212, beyond: 169, behind: 63 },
};

// ---- What is true of them --------------------------------------------------------------------

const refused = ['low_order_A', 'low_order_R', 'non_canonical_A', 'non_canonical_R',
  'low_order_residue', 'reencoded_k'];

function load() {
  return JSON.parse(readFileSync(file, 'utf8')).map(({ number: id, key, sig, msg, flags }) => ({
    id, key: bytes(key), sig: bytes(sig), msg: new Uint8Array(Buffer.from(msg)),
    wanted: !(flags ?? []).some((flag) => refused.includes(flag)),
  }));
}

for (const [name, verify] of Object.entries(verifiers)) {
  test(`${name} differs from the rule in what is known`, { skip }, async (t) => {
    const vectors = load();
    const found = { taken: 0, beyond: 0, behind: 0 };

    assert.equal(vectors.length, 914);
    assert.equal(vectors.filter((vector) => vector.wanted).length, 43);
    for (const vector of vectors) {
      const taken = await verify(vector);
      assert.ok(taken || !vector.wanted, `vector ${vector.id} is refused and should not be`);
      found.taken += taken;
      found.beyond += taken && !vector.wanted;
      found.behind += taken && isFit(vector) && !vector.wanted;
    }
    t.diagnostic(`${name}: ${JSON.stringify(found)} of ${vectors.length}`);
    assert.deepEqual(found, differences[name]);
  });
}
