// SPDX-License-Identifier: MIT
//
// The rows of sotto-mlsbench with OpenMLS: says its two key packages, reads a Welcome with the tree in it, and prints one line of
// JSON a row as it is measured. Started by tests/bench/mls.py. Steps also save (openmls.mjs); there is no call that only saves.
//
//   node tests/interop/peers/bench_openmls.mjs
import { createInterface } from 'node:readline';

import { OpenMember } from './openmls.mjs';

const times = 5; // repetitions of a step, no more once they took enoughMs together
const enoughMs = 3000;
const suite = 3;

const say = (object) => console.log(JSON.stringify(object));
function row(name, values, unit) {
  const sorted = [...values].sort((a, b) => a - b);
  say({ row: name, unit, median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted.at(-1) });
}

async function timed(name, step) {
  say({ doing: name });
  const begin = performance.now();
  const result = await step();
  return { result, ms: performance.now() - begin };
}

const [ours, other] = [await OpenMember.make(suite), await OpenMember.make(suite)];
say({ packages: [await ours.keyPackage(), await other.keyPackage()].map((one) => Buffer.from(one).toString('hex')) });
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const welcome = new Uint8Array(Buffer.from((await lines.next()).value, 'hex'));

// ---- Rows ----

const newcomers = [];
const made = [];
for (let i = 0; i < times; i++) {
  const member = await OpenMember.make(suite);
  const { result, ms } = await timed('key package', () => member.keyPackage());
  newcomers.push(result);
  made.push(ms);
}
row('key package', made, 'ms');

const joined = [];
for (const member of [ours, other]) joined.push((await timed('join by Welcome', () => member.join(welcome))).ms);
row('join by Welcome', joined, 'ms');

// One makes a commit, the other takes it.
async function exchange(name, step) {
  const committed = [], followed = [];
  const spent = () => committed.reduce((sum, ms) => sum + ms, 0);
  let sent;
  for (let i = 0; i < times && (i === 0 || spent() < enoughMs); i++) {
    const { result, ms } = await timed(name, () => step(i));
    sent = result;
    committed.push(ms);
    followed.push((await timed('process a commit', () => other.take(sent.commit))).ms);
  }
  row(name, committed, 'ms');
  return { followed, sent };
}

const { followed, sent } = await exchange('commit with path', () => ours.renew());
row('process a commit', followed, 'ms');
row('bytes of a commit', [sent.commit.length], 'bytes');
const added = await exchange('add one', (i) => ours.add([newcomers[i]]));
row('bytes of a Welcome', [added.sent.welcome.length], 'bytes');

const written = [], read = [];
for (let i = 0; i < times; i++) {
  const message = await timed('encrypt 256 bytes', () => ours.send(new Uint8Array(256)));
  written.push(message.ms);
  read.push((await timed('decrypt 256 bytes', () => other.take(message.result))).ms);
}
row('encrypt 256 bytes', written, 'ms');
row('decrypt 256 bytes', read, 'ms');
say({ end: true });
process.exit(0);
