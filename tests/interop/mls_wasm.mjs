// SPDX-License-Identifier: MIT
// timeout: 120
//
// crypto/mls as WebAssembly, the primitives from node: the vector tests of the C build compiled to wasm, so that all official
// vectors of both suites run through it; a random history that must print the same as natively; and the exports that a
// client in a browser is made of, with a member of the native build in the group.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { hostImports } from '../../crypto/mls/wasm/host.mjs';
import { Mls, MlsError } from '../../crypto/mls/wasm/mls.mjs';
import { nodePrimitives } from '../../crypto/mls/wasm/node_primitives.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.SOTTO_BUILD ?? path.join(here, '..', '..', 'build');
const folder = process.env.SOTTO_VECTORS ?? path.join(here, '../../../shared/vectors');
const withoutVectors = !existsSync(folder) && process.env.SOTTO_REQUIRE_VECTORS !== '1'
  && `no test vectors in ${folder}`;
const out = mkdtempSync(path.join(tmpdir(), 'sotto-wasm-'));

// Which files each test reads. Some files have cases of suite 1 only; what counts is that both builds run the same number.
const vectorTests = {
  test_mls_tree_math: ['tree-math'],
  test_mls_crypto_basics: ['crypto-basics'],
  test_mls_deserialization: ['deserialization'],
  test_mls_messages: ['messages'],
  test_mls_key_schedule: ['key-schedule'],
  test_mls_psk: ['psk_secret'],
  test_mls_transcript: ['transcript-hashes'],
  test_mls_secret_tree: ['secret-tree'],
  test_mls_message_protection: ['message-protection'],
  test_mls_tree_operations: ['tree-operations'],
  test_mls_tree_validation: ['tree-validation'],
  test_mls_treekem: ['treekem'],
  test_mls_welcome: ['welcome'],
  test_mls_passive_client: ['passive-client-welcome', 'passive-client-handling-commit', 'passive-client-random'],
};

before(() => {
  const tools = { stdio: ['ignore', 'inherit', 'inherit'] };
  execFileSync(path.join(here, '../../crypto/mls/wasm/build'), [out], tools);
  execFileSync(path.join(here, 'wasm/build'), [out, 'mls_story', ...Object.keys(vectorTests)], tools);
});
after(() => rmSync(out, { recursive: true }));

// ---- A C test as an instance -----------------------------------------------------------------

// JSON values as numbers; texts are copied into the instance once.
class Values {
  #all = [];
  #numbers = new Map();
  #texts = new Map();

  constructor(instance) { this.instance = instance; }

  number(value) {
    if (value === undefined) return 0;
    const known = typeof value === 'object' && value !== null && this.#numbers.get(value);
    if (known) return known;
    this.#all.push(value);
    if (typeof value === 'object' && value !== null) this.#numbers.set(value, this.#all.length);
    return this.#all.length;
  }

  of(number) { return this.#all[number - 1]; }

  text(value) {
    if (typeof value !== 'string') return 0;
    if (!this.#texts.has(value)) {
      const { alloc, memory } = this.instance().exports;
      const at = alloc(value.length + 1);
      new Uint8Array(memory.buffer).set(Buffer.from(`${value}\0`), at);
      this.#texts.set(value, at);
    }
    return this.#texts.get(value);
  }
}

const never = () => { throw new Error('a test asked for a file'); };

async function run(name) {
  const lines = [];
  let started = '';
  let instance = null;
  const current = () => instance;
  const values = new Values(current);
  const text = (at) => {
    const memory = new Uint8Array(instance.exports.memory.buffer);
    return Buffer.from(memory.subarray(at, memory.indexOf(0, at))).toString();
  };
  const imports = {
    host: hostImports(current, nodePrimitives, {}),
    test: {
      print(at) {
        started += text(at);
        lines.push(...started.split('\n').slice(0, -1));
        started = started.slice(started.lastIndexOf('\n') + 1);
      },
      fail(file, line) { throw new Error(`${text(file)}:${line}\n${lines.slice(-3).join('\n')}\n${started}`); },
    },
    json: {
      load: (at) => values.number(JSON.parse(readFileSync(path.join(folder, text(at)), 'utf8'))),
      get: (object, key) => values.number(values.of(object)?.[text(key)]),
      at: (array, index) => values.number(values.of(array)[index]),
      size: (array) => values.of(array)?.length ?? 0,
      text: (value) => values.text(values.of(value)),
      number: (value) => values.of(value),
      is_integer: (value) => Number(Number.isInteger(values.of(value))),
      is_null: (value) => Number(values.of(value) === null),
      drop: () => {},
    },
    wasi_snapshot_preview1: { fd_close: never, fd_seek: never, fd_write: never },
  };
  ({ instance } = await WebAssembly.instantiate(readFileSync(path.join(out, `${name}.wasm`)), imports));
  const passed = instance.exports.run();
  return { passed, lines };
}

const native = (name) => execFileSync(path.join(build, 'tests', name), { encoding: 'utf8' }).split('\n');
const counts = (lines) => lines.filter((line) => /^# mls\/.*: \d+ cases$/.test(line));

for (const [name, files] of Object.entries(vectorTests)) {
  test(`${files.join(', ')} through wasm`, { skip: withoutVectors }, async () => {
    const { passed, lines } = await run(name);
    assert.ok(passed > 0);
    for (const file of files) assert.ok(counts(lines).some((line) => line.startsWith(`# mls/${file}.json`)), file);
    assert.deepEqual(counts(lines), counts(native(name)));
  });
}

test('a random history with damaged messages is the same, byte for byte, as natively', async () => {
  const { lines } = await run('mls_story');
  const told = (all) => all.filter((line) => /^# p\d /.test(line));

  assert.ok(told(lines).some((line) => / damaged -/.test(line)));
  assert.ok(told(lines).length > 500);
  assert.deepEqual(told(lines), told(native('mls_story')));
});

// ---- The exports ------------------------------------------------------------------------------

const lifetime = () => [Math.floor(Date.now() / 1000) - 60, Math.floor(Date.now() / 1000) + 3600];
const hooks = { checkCredential: () => true };
const utf8 = (string) => new TextEncoder().encode(string);
const load = () => Mls.load(readFileSync(path.join(out, 'mls.wasm')), nodePrimitives);

class Person {
  constructor(mls, suite, name) {
    Object.assign(this, { mls, suite, name });
    this.seed = nodePrimitives.random(32);
  }

  get about() { return { suite: this.suite, seed: this.seed, identity: utf8(this.name), lifetime: lifetime() }; }

  keyPackage() {
    this.keys = this.mls.keyPackage(this.about);
    return this.keys.message;
  }

  create() { this.group = this.mls.create({ ...this.about, id: utf8('group'), hooks }); }

  join(welcome, more = {}) {
    this.group = this.mls.join({ welcome, secrets: this.keys.secrets, seed: this.seed, hooks, ...more });
  }

  follow(commit) {
    const received = this.group.process(commit);
    assert.equal(received.kind, 'commit');
    this.group.mergeStaged();
    return received;
  }
}

function agree(...people) {
  for (const { group } of people) {
    assert.deepEqual(group.epochAuthenticator, people[0].group.epochAuthenticator);
    assert.deepEqual(group.treeHash, people[0].group.treeHash);
  }
}

function say(from, to, text) {
  const received = to.group.process(from.group.encrypt(utf8(text), { paddingBlock: 64 }));
  assert.equal(Buffer.from(received.plaintext).toString(), text);
  assert.equal(Buffer.from(received.sender).toString(), from.name);
}

test('the module imports what host.h names and nothing else', async () => {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(path.join(out, 'mls.wasm'))));
  const named = [...readFileSync(path.join(here, '../../crypto/mls/wasm/host.h'), 'utf8').matchAll(/^HOST\((\w+)\)/gm)];
  assert.deepEqual(imports.map(({ module, name }) => `${module}.${name}`).sort(),
    named.map(([, name]) => `host.${name}`).sort());
});

for (const suite of [1, 3]) {
  test(`suite ${suite}: create, add, propose, update, remove, save and load through the exports`, async () => {
    const mls = await load();
    const [ada, ben, cid] = ['ada', 'ben', 'cid'].map((name) => new Person(mls, suite, name));
    ada.create();
    const first = ada.group.commit([{ add: ben.keyPackage() }, { add: cid.keyPackage() }],
      { welcomeWithoutTree: true });
    ada.group.mergePending();
    const tree = ada.group.ratchetTree;
    assert.throws(() => ben.join(first.welcome), new MlsError('MLS_ETREE'));
    ben.join(first.welcome, { tree });
    cid.join(first.welcome, { tree });
    agree(ada, ben, cid);
    say(ada, ben, 'hello');

    const update = cid.group.propose({ update: true });
    ada.group.process(update);
    ben.group.process(update);
    const { commit } = ben.group.commit();
    ben.group.mergePending();
    const { changes, sender } = ada.follow(commit);
    assert.deepEqual(changes.map(({ type, leaf, byReference }) => [type, leaf, byReference]), [['update', 2, true]]);
    assert.equal(Buffer.from(sender).toString(), 'ben');
    cid.follow(commit);
    agree(ada, ben, cid);

    const state = ada.group.save();
    const secret = ada.group.export('label', utf8('context'), 48);
    ada.group.free();
    ada.group = mls.restore({ state, hooks });
    assert.deepEqual(ada.group.save(), state);
    assert.deepEqual(ben.group.export('label', utf8('context'), 48), secret);
    const removal = ada.group.commit([{ remove: 2 }]).commit;
    ada.group.mergePending();
    ben.follow(removal);
    assert.equal(cid.follow(removal).removesSelf, true);
    assert.equal(cid.group.isActive, false);
    assert.equal(ben.group.memberCount, 2);
    assert.equal(Buffer.from(ben.group.member(0).identity).toString(), 'ada');
    say(ben, ada, 'goodbye');
    for (const { group } of [ada, ben, cid]) group.free();
  });
}

test('the hooks decide: a credential is refused, a pre-shared key is found or not', async () => {
  const mls = await load();
  const [ada, ben] = ['ada', 'ben'].map((name) => new Person(mls, 3, name));
  ada.create();
  ada.group.commit([{ add: ben.keyPackage() }]);
  ada.group.clearPending();
  const { welcome } = ada.group.commit([{ add: ben.keyPackage() }]);
  ada.group.mergePending();
  const distrust = { checkCredential: ({ identity }) => Buffer.from(identity).toString() !== 'ada' };
  assert.throws(() => ben.join(welcome, { hooks: distrust }), new MlsError('MLS_ECREDENTIAL'));
  ben.join(welcome, { hooks: { ...hooks, findPsk: (id) => (Buffer.from(id).toString() === 'known' ? utf8('key') : null) } });
  assert.throws(() => ben.group.commit([{ psk: utf8('unknown') }]), new MlsError('MLS_EPSK'));
  const { commit } = ben.group.commit([{ psk: utf8('known') }]);
  assert.throws(() => ada.group.process(commit), new MlsError('MLS_EPSK'));
});

test('one joins by an external commit, loses the state and comes back by resync', async () => {
  const mls = await load();
  const [ada, ben] = ['ada', 'ben'].map((name) => new Person(mls, 1, name));
  ada.create();
  for (const resync of [null, 1]) {
    const joined = mls.joinExternal({ ...ben.about, groupInfo: ada.group.groupInfo(), resync, hooks });
    ben.group?.free();
    ben.group = joined.group;
    assert.equal(ben.group.isActive, false);
    const { changes } = ada.follow(joined.commit);
    assert.equal(changes.some(({ type }) => type === 'remove'), resync !== null);
    ben.group.mergePending();
    agree(ada, ben);
    say(ben, ada, 'here I am');
  }
  assert.equal(ada.group.memberCount, 2);
});

for (const suite of [1, 3]) {
  test(`suite ${suite}: a group branches, is closed by a ReInit and has a successor; who joins finds the old one`, async () => {
    const mls = await load();
    const [ada, ben, cid] = ['ada', 'ben', 'cid'].map((name) => new Person(mls, suite, name));
    ada.create();
    const { welcome } = ada.group.commit([{ add: ben.keyPackage() }, { add: cid.keyPackage() }]);
    ada.group.mergePending();
    for (const person of [ben, cid]) person.join(welcome);

    const branch = mls.branch({ ...ada.about, old: ada.group, id: utf8('some'), keyPackages: [ben.keyPackage()], hooks });
    const whole = ben.group;
    assert.throws(() => ben.join(branch.welcome), new MlsError('MLS_EPSK'));
    ben.join(branch.welcome, { hooks: { ...hooks, findGroup: (id) => (Buffer.from(id).toString() === 'group' ? whole : null) } });
    agree({ group: branch.group }, ben);
    branch.group.free();
    ben.group.free();
    ben.group = whole;

    const other = 4 - suite;
    const topic = [[5, Uint8Array.of(0)]]; // external_senders: none
    const { commit } = ada.group.commit([{ reinit: { id: utf8('after'), suite: other, extensions: topic } }]);
    ada.group.mergePending();
    assert.equal(ben.group.successor, null);
    for (const person of [ben, cid]) assert.equal(person.follow(commit).changes[0].type, 'reinit');
    assert.deepEqual([cid.group.successor.suite, Buffer.from(cid.group.successor.id).toString()], [other, 'after']);
    assert.throws(() => ada.group.commit(), new MlsError('MLS_ECLOSED'));
    const old = new Map([ada, ben, cid].map((person) => [person, person.group]));
    for (const person of [ada, ben, cid]) person.suite = other;
    const packages = [ben, cid].map((person) => person.keyPackage());
    assert.throws(() => mls.reinit({ ...ada.about, old: ada.group, keyPackages: packages.slice(1), hooks }),
      new MlsError('MLS_ELINK'));
    const after = mls.reinit({ ...ada.about, old: ada.group, keyPackages: packages, hooks });
    ada.group = after.group;
    for (const person of [ben, cid]) person.join(after.welcome, { hooks: { ...hooks, findGroup: () => old.get(person) } });
    agree(ada, ben, cid);
    say(cid, ada, 'here we are again');
    assert.deepEqual(ben.group.extension(5), topic[0][1]);
    for (const group of [...old.values(), ada.group, ben.group, cid.group]) group.free();
  });
}

test('a group is followed from outside, proposals and commits, and restored', async () => {
  const mls = await load();
  const [ada, ben] = ['ada', 'ben'].map((name) => new Person(mls, 3, name));
  ada.create();
  let outside = mls.follow({ groupInfo: ada.group.groupInfo({ withTree: false }), tree: ada.group.ratchetTree, hooks });
  const advance = (commit) => {
    const { next, ...told } = outside.takeCommit(commit);
    outside.free();
    outside = next;
    return told;
  };
  const alike = () => {
    assert.deepEqual(outside.treeHash, ada.group.treeHash);
    assert.deepEqual(outside.ratchetTree, ada.group.ratchetTree);
    assert.equal(outside.epoch, ada.group.epoch);
  };

  const first = ada.group.commit([{ add: ben.keyPackage() }]);
  ada.group.mergePending();
  const told = advance(first.commit);
  assert.deepEqual(told.changes.map(({ type, leaf }) => [type, leaf]), [['add', 1]]);
  assert.equal(Buffer.from(outside.member(1).identity).toString(), 'ben');
  assert.equal(outside.checkInfo(first.groupInfo), 0);
  alike();

  ben.join(first.welcome);
  const leaving = ben.group.propose({ remove: 1 });
  const proposed = outside.takeProposal(leaving);
  assert.deepEqual([proposed.changes[0].proposer, proposed.changes[0].externalSender], [1, null]);
  assert.equal(outside.proposalCount, 1);
  const state = outside.save();
  outside.free();
  outside = mls.restoreFollowed({ state, hooks });
  ada.group.process(leaving);
  const last = ada.group.commit().commit;
  ada.group.mergePending();
  const damaged = last.map((byte, i) => (i === last.length - 1 ? byte ^ 1 : byte));
  const flipped = last.map((byte, i) => (i === last.length - 100 ? byte ^ 1 : byte));
  assert.throws(() => outside.takeCommit(flipped), MlsError);
  assert.equal(advance(damaged).changes[0].byReference, true); // the membership tag is a secret of members
  alike();
  assert.throws(() => outside.checkInfo(first.groupInfo), new MlsError('MLS_EEPOCH'));
  assert.deepEqual([outside.memberCount, outside.isClosed], [1, false]);

  const { commit } = ada.group.commit([{ reinit: { id: utf8('after'), suite: 3 } }]);
  ada.group.mergePending();
  advance(commit);
  assert.equal(outside.isClosed, true);
  outside.free();
});

test('a native member and one in wasm are in one group', async () => {
  const child = spawn(path.join(build, 'tests', 'mls_peer'), { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hex = (bytes) => Buffer.from(bytes).toString('hex');
  const ask = async (...words) => {
    child.stdin.write(`${words.join(' ')}\n`);
    const [verdict, ...values] = (await answers.next()).value.split(' ');
    assert.equal(verdict, 'ok', words[0]);
    return values.map((value) => new Uint8Array(Buffer.from(value === '-' ? '' : value, 'hex')));
  };
  try {
    const ada = new Person(await load(), 3, 'ada');
    await ask('client', '03', hex(utf8('nat')));
    ada.create();
    const { welcome } = ada.group.commit([{ add: (await ask('key-package'))[0] }]);
    ada.group.mergePending();
    await ask('join', hex(welcome), '-');
    const [commit] = await ask('commit', '01');
    ada.follow(commit);
    const [, authenticator] = await ask('state');
    assert.deepEqual(ada.group.epochAuthenticator, authenticator);
  } finally {
    child.stdin.end();
  }
});
