// SPDX-License-Identifier: MIT
//
// The rows of sotto-mlsbench with ts-mls: says its two key packages, reads the Welcome of a scene, joins twice, and prints one
// line of JSON a row as it is measured. tests/bench/run starts it and ends it when a row takes too long.
//
//   node --expose-gc tests/interop/peers/bench_tsmls.mjs TIMES
import { createInterface } from 'node:readline';

import * as mls from 'ts-mls';

const times = Number(process.argv[2]);
const impl = await mls.getCiphersuiteImpl(mls.getCiphersuiteFromName('MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519'));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const noPsk = mls.makePskIndex(undefined, {});

const say = (object) => console.log(JSON.stringify(object));
function row(name, values, unit) {
  const sorted = [...values].sort((a, b) => a - b);
  say({ row: name, unit, median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted.at(-1) });
}

const enoughMs = 5000;

// Runs a step so often, in ms each, but no more than `least` times once they took long; `use` gets each result outside the time.
async function measure(name, count, step, use = () => {}, least = 1) {
  const ms = [];
  const spent = () => ms.reduce((sum, one) => sum + one, 0);
  for (let i = 0; i < least || (i < count && spent() < enoughMs); i++) {
    say({ doing: name });
    const begin = performance.now();
    const result = await step();
    ms.push(performance.now() - begin);
    await use(result);
  }
  row(name, ms, 'ms');
}

const makeKeys = () => {
  const now = BigInt(Math.floor(Date.now() / 1000));
  return mls.generateKeyPackage({ credentialType: 'basic', identity: new TextEncoder().encode('somebody') },
    mls.defaultCapabilities(), { notBefore: now - 3600n, notAfter: now + 86400n }, [], impl);
};
const keys = [await makeKeys(), await makeKeys()];
const packages = keys.map(({ publicPackage }) => Buffer.from(mls.encodeMlsMessage(
  { version: 'mls10', wireformat: 'mls_key_package', keyPackage: publicPackage })).toString('hex'));
say({ packages });
const welcome = mls.decodeMlsMessage(new Uint8Array(Buffer.from((await lines.next()).value, 'hex')), 0)[0].welcome;
await measure('key package', times, makeKeys);

// ---- Joining ----

const heap = () => { globalThis.gc(); return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers; };
const members = [];
const before = heap();
await measure('join by Welcome', 2, () => mls.joinGroup(welcome, keys[members.length].publicPackage,
  keys[members.length].privatePackage, noPsk, impl), (state) => members.push(state), 2);
row('memory of a member', [(heap() - before) / 2], 'bytes');

// ---- Commits ----

const commit = (extraProposals) => mls.createCommit({ state: members[0], cipherSuite: impl, pskIndex: noPsk },
  { extraProposals, wireAsPublicMessage: true, ratchetTreeExtension: true });
const newcomer = await makeKeys();
let sent;
await measure('add one', times, () => commit([{ proposalType: 'add', add: { keyPackage: newcomer.publicPackage } }]),
  (result) => { sent = result; });
row('bytes of a Welcome', [mls.encodeMlsMessage(
  { version: 'mls10', wireformat: 'mls_welcome', welcome: sent.welcome }).length], 'bytes');

const follow = async () => {
  const result = await mls.processMessage(sent, members[1], noPsk, mls.acceptAll, impl);
  members[1] = result.newState;
};
const processed = [];
let bytes;
await measure('commit with path', times, () => commit([]), async (result) => {
  members[0] = result.newState;
  const encoded = mls.encodeMlsMessage(result.commit);
  bytes = encoded.length;
  say({ doing: 'process a commit' });
  const begin = performance.now();
  [sent] = mls.decodeMlsMessage(encoded, 0);
  await follow();
  processed.push(performance.now() - begin);
});
row('process a commit', processed, 'ms');
row('bytes of a commit', [bytes], 'bytes');

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
process.exit(0);
