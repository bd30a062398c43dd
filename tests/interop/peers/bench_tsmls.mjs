// SPDX-License-Identifier: MIT
//
// The rows of sotto-mlsbench with ts-mls: says its two key packages, reads the Welcome and the tree of a scene, joins twice, and
// prints one line of JSON a row as it is measured. Started by tests/bench/mls.py.
//
//   node --expose-gc --stack-size=3900 tests/interop/peers/bench_tsmls.mjs SECONDS
//
// ts-mls gets what makes it fast: node's own SHA-256 and HMAC, called directly. Those of WebCrypto, its default, go through a
// thread each time, which takes most of the time in a large group. Its encoder recurses, so saving 5,000 members needs a stack.
import { createHash, createHmac } from 'node:crypto';
import { createInterface } from 'node:readline';

import * as mls from 'ts-mls';
import { decodeRatchetTree } from 'ts-mls/ratchetTree.js';

const secondsMax = Number(process.argv[2]); // of a step; what takes longer is ended, and the row says so
const times = 5; // repetitions of a step, no more once they took enoughMs together
const enoughMs = 3000;
const hashBytes = 32;

// ---- Primitives ----

// Everything that ts-mls does in a large group hashes all the time, so this is where a step ends that takes too long.
class TooLong extends Error {}
let deadline = Infinity;
const inTime = () => {
  if (performance.now() > deadline) throw new TooLong();
};

const sha256 = (data) => createHash('sha256').update(data).digest();
const hmac = (key, ...parts) => parts.reduce((mac, part) => mac.update(part), createHmac('sha256', key)).digest();
const hash = {
  async digest(data) {
    inTime();
    return new Uint8Array(sha256(data));
  },
  mac: async (key, data) => new Uint8Array(hmac(key, data)),
  verifyMac: async (key, mac, data) => hmac(key, data).equals(mac),
};
const kdf = {
  size: hashBytes,
  extract: async (salt, ikm) => new Uint8Array(hmac(salt, ikm)),
  async expand(prk, info, length) {
    inTime();
    const blocks = [new Uint8Array()];
    while ((blocks.length - 1) * hashBytes < length) blocks.push(hmac(prk, blocks.at(-1), info, Uint8Array.of(blocks.length)));
    return new Uint8Array(Buffer.concat(blocks)).slice(0, length);
  },
};
const impl = {
  ...await mls.getCiphersuiteImpl(mls.getCiphersuiteFromName('MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519')), hash, kdf,
};

// ---- Rows ----

const say = (object) => console.log(JSON.stringify(object));
function row(name, values, unit) {
  const sorted = [...values].sort((a, b) => a - b);
  say({ row: name, unit, median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted.at(-1) });
}

// Runs a step and gives its result and its ms, or nothing when it took too long.
async function timed(name, step) {
  say({ doing: name });
  const begin = performance.now();
  deadline = begin + 1000 * secondsMax;
  try {
    return { result: await step(), ms: performance.now() - begin };
  } catch (error) {
    if (!(error instanceof TooLong)) throw error;
    say({ row: name, over: 1000 * secondsMax, unit: 'ms' });
    return undefined;
  } finally {
    deadline = Infinity;
  }
}

// Repeats a step and says its row; `use` gets each result outside the time. False when it took too long.
async function measure(name, count, step, use = () => {}) {
  const ms = [];
  const spent = () => ms.reduce((sum, one) => sum + one, 0);
  do {
    const done = await timed(name, step);
    if (!done) return false;
    ms.push(done.ms);
    await use(done.result);
  } while (ms.length < count && spent() < enoughMs);
  row(name, ms, 'ms');
  return true;
}

// ---- Joining ----

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const nextBytes = async () => new Uint8Array(Buffer.from((await lines.next()).value, 'hex'));
const noPsk = mls.makePskIndex(undefined, {});
const makeKeys = () => {
  const now = BigInt(Math.floor(Date.now() / 1000));
  return mls.generateKeyPackage({ credentialType: 'basic', identity: new TextEncoder().encode('somebody') },
    mls.defaultCapabilities(), { notBefore: now - 3600n, notAfter: now + 86400n }, [], impl);
};
const keys = [await makeKeys(), await makeKeys()];
say({ packages: keys.map(({ publicPackage }) => Buffer.from(mls.encodeMlsMessage(
  { version: 'mls10', wireformat: 'mls_key_package', keyPackage: publicPackage })).toString('hex')) });
const [welcome, encodedTree] = [mls.decodeMlsMessage(await nextBytes(), 0)[0].welcome, await nextBytes()];
await measure('key package', times, makeKeys);

const members = [];
const tree = () => decodeRatchetTree(encodedTree, 0)[0];
const join = (from) => mls.joinGroup(welcome, keys[members.length].publicPackage, keys[members.length].privatePackage, noPsk, impl,
  from);
// Its check of parent hashes hashes half of the tree for each member. Where that takes too long the rows after it are still
// measured, by members who join without it: it begins by collecting the parents with reduce(), and ends when it finds none.
async function joinUnchecked() {
  const unchecked = Object.assign(tree(), { reduce: (_, none) => none });
  const state = await join(unchecked);
  delete unchecked.reduce;
  return state;
}

const heap = () => {
  globalThis.gc();
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
};
const before = heap();
await measure('join by Welcome', 2, () => join(tree()), (state) => members.push(state));
while (members.length < 2) members.push(await joinUnchecked());
row('memory of a member', [(heap() - before) / 2], 'bytes');

// ---- Commits ----

const commit = (extraProposals) => mls.createCommit({ state: members[0], cipherSuite: impl, pskIndex: noPsk },
  { extraProposals, wireAsPublicMessage: true, ratchetTreeExtension: true });
const newcomer = await makeKeys();
let added;
if (await measure('add one', times, () => commit([{ proposalType: 'add', add: { keyPackage: newcomer.publicPackage } }]),
  (result) => { added = result; })) {
  row('bytes of a Welcome', [mls.encodeMlsMessage(
    { version: 'mls10', wireformat: 'mls_welcome', welcome: added.welcome }).length], 'bytes');
}

const followed = [];
let bytes;
if (await measure('commit with path', times, () => commit([]), async (result) => {
  const encoded = mls.encodeMlsMessage(result.commit);
  bytes = encoded.length;
  const done = await timed('process a commit', () => mls.processMessage(mls.decodeMlsMessage(encoded, 0)[0], members[1], noPsk,
    mls.acceptAll, impl));
  if (!done) return;
  members[0] = result.newState;
  members[1] = done.result.newState;
  followed.push(done.ms);
})) {
  row('bytes of a commit', [bytes], 'bytes');
}
if (followed.length) row('process a commit', followed, 'ms');

// ---- Messages and state ----

const text = new Uint8Array(256);
const opened = [];
await measure('encrypt 256 bytes', times, () => mls.createApplicationMessage(members[0], text, impl), async (result) => {
  members[0] = result.newState;
  const begin = performance.now();
  const read = await mls.processMessage({ wireformat: 'mls_private_message', privateMessage: result.privateMessage },
    members[1], noPsk, mls.acceptAll, impl);
  opened.push(performance.now() - begin);
  members[1] = read.newState;
});
row('decrypt 256 bytes', opened, 'ms');
let state;
await measure('save', times, () => mls.encodeGroupState(members[0]), (encoded) => { state = encoded; });
row('saved state', [state.length], 'bytes');
say({ end: true });
process.exit(0);
