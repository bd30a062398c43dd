// SPDX-License-Identifier: MIT
//
// MLS against ts-mls, an independent implementation: clients of both in one group, each side adding,
// removing, updating, committing what the other proposed, with pre-shared keys and extensions, in
// both suites. After every commit all have the same epoch authenticator and tree hash.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import * as mls from 'ts-mls';

const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.SOTTO_BUILD ?? path.join(here, '..', '..', 'build');
const suites = {
  1: 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519',
  3: 'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519',
};
const psk = { id: 'shared', key: 'a key that both sides know' };

const hex = (bytes) => Buffer.from(bytes).toString('hex') || '-';
const bytesOf = (text) => new Uint8Array(Buffer.from(text === '-' ? '' : text, 'hex'));
const pskIndex = (state) => mls.makePskIndex(state, {
  [mls.bytesToBase64(Buffer.from(psk.id))]: new Uint8Array(Buffer.from(psk.key)),
});

// ---- Our client: one process, one answer for each line ---------------------------------------

class Ours {
  static all = [];

  constructor(suite, name) {
    this.name = name;
    this.child = spawn(path.join(build, 'tests', 'mls_peer'), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.answers = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    Ours.all.push(this);
    this.ready = this.must('client', `0${suite}`, hex(Buffer.from(name)))
      .then(() => this.must('psk', hex(Buffer.from(psk.id)), hex(Buffer.from(psk.key))));
  }

  async ask(...words) {
    this.child.stdin.write(words.join(' ') + '\n');
    return (await this.answers.next()).value.split(' ');
  }

  async must(...words) {
    const [verdict, ...values] = await this.ask(...words);
    assert.equal(verdict, 'ok', `${this.name}: ${words[0]} answered ${verdict} ${values}`);
    return values;
  }

  async create() {
    await this.must('create', hex(Buffer.from('group')));
  }

  async keyPackage() {
    return bytesOf((await this.must('key-package'))[0]);
  }

  async commit({ add = [], remove = [], usePsk = false, extension, path: withPath = true }) {
    for (const keyPackage of add) await this.must('add', hex(keyPackage));
    for (const leaf of remove) await this.must('remove', hex([leaf]));
    if (usePsk) await this.must('use-psk', hex(Buffer.from(psk.id)));
    if (extension) await this.must('extension', hex(extension.type), hex(extension.data));
    const [commit, welcome] = await this.must('commit', withPath ? '01' : '00');
    return { commit: bytesOf(commit), welcome: bytesOf(welcome) };
  }

  async join(welcome) {
    await this.must('join', hex(welcome));
  }

  async proposeUpdate() {
    return bytesOf((await this.must('propose-update'))[0]);
  }

  async proposeRemove(leaf) {
    return bytesOf((await this.must('propose-remove', hex([leaf])))[0]);
  }

  async take(message) {
    await this.must('process', hex(message));
  }

  async send(text) {
    return bytesOf((await this.must('send', hex(Buffer.from(text))))[0]);
  }

  async read(message) {
    const [kind, text] = await this.must('process', hex(message));
    assert.equal(kind, '01');
    return Buffer.from(bytesOf(text)).toString();
  }

  async state() {
    const [epoch, authenticator, treeHash] = await this.must('state');
    return { epoch: BigInt(`0x${epoch}`), authenticator, treeHash };
  }

  async export(label, context) {
    return (await this.must('export', hex(Buffer.from(label)), hex(Buffer.from(context))))[0];
  }
}

after(() => Ours.all.forEach((ours) => ours.child.stdin.end()));

// ---- Their client ----------------------------------------------------------------------------

class Theirs {
  constructor(suite, name) {
    this.name = name;
    this.ready = mls.getCiphersuiteImpl(mls.getCiphersuiteFromName(suites[suite]))
      .then((impl) => { this.impl = impl; });
  }

  encode(fields) {
    return mls.encodeMlsMessage({ version: 'mls10', ...fields });
  }

  decode(message) {
    return mls.decodeMlsMessage(message, 0)[0];
  }

  async make() {
    const now = BigInt(Math.floor(Date.now() / 1000));
    this.keys = await mls.generateKeyPackage(
      { credentialType: 'basic', identity: new TextEncoder().encode(this.name) },
      mls.defaultCapabilities(),
      { notBefore: now - 3600n, notAfter: now + 86400n }, [], this.impl);
  }

  async create() {
    await this.make();
    this.group = await mls.createGroup(new TextEncoder().encode('group'), this.keys.publicPackage,
      this.keys.privatePackage, [], this.impl);
  }

  async keyPackage() {
    await this.make();
    return this.encode({ wireformat: 'mls_key_package', keyPackage: this.keys.publicPackage });
  }

  async commit({ add = [], remove = [], usePsk = false, isPublic = true }) {
    const extraProposals = [
      ...add.map((keyPackage) => ({
        proposalType: 'add', add: { keyPackage: this.decode(keyPackage).keyPackage } })),
      ...remove.map((removed) => ({ proposalType: 'remove', remove: { removed } })),
    ];
    if (usePsk) {
      extraProposals.push({ proposalType: 'psk', psk: { preSharedKeyId: {
        psktype: 'external', pskId: new Uint8Array(Buffer.from(psk.id)),
        pskNonce: crypto.getRandomValues(new Uint8Array(32)) } } });
    }
    const result = await mls.createCommit(
      { state: this.group, cipherSuite: this.impl, pskIndex: pskIndex(this.group) },
      { extraProposals, wireAsPublicMessage: isPublic, ratchetTreeExtension: true });
    this.group = result.newState;
    return {
      commit: mls.encodeMlsMessage(result.commit),
      welcome: result.welcome && this.encode({ wireformat: 'mls_welcome', welcome: result.welcome }),
    };
  }

  async join(welcome) {
    this.group = await mls.joinGroup(this.decode(welcome).welcome, this.keys.publicPackage,
      this.keys.privatePackage, pskIndex(undefined), this.impl);
  }

  async propose(proposal) {
    const result = await mls.createProposal(this.group, true, proposal, this.impl);
    this.group = result.newState;
    return mls.encodeMlsMessage(result.message);
  }

  async proposeRemove(removed) {
    return this.propose({ proposalType: 'remove', remove: { removed } });
  }

  async take(message) {
    const result = await mls.processMessage(this.decode(message), this.group, pskIndex(this.group),
      mls.acceptAll, this.impl);
    this.group = result.newState;
    return result;
  }

  async send(text) {
    const result = await mls.createApplicationMessage(this.group, new TextEncoder().encode(text),
      this.impl);
    this.group = result.newState;
    return this.encode({ wireformat: 'mls_private_message', privateMessage: result.privateMessage });
  }

  async read(message) {
    const result = await this.take(message);
    assert.equal(result.kind, 'applicationMessage');
    return Buffer.from(result.message).toString();
  }

  async state() {
    return {
      epoch: this.group.groupContext.epoch,
      authenticator: hex(this.group.keySchedule.epochAuthenticator),
      treeHash: hex(this.group.groupContext.treeHash),
    };
  }

  async export(label, context) {
    return hex(await mls.mlsExporter(this.group.keySchedule.exporterSecret, label,
      new TextEncoder().encode(context), 32, this.impl));
  }
}

// ---- What happens between them ---------------------------------------------------------------

async function agree(members) {
  const [first, ...rest] = await Promise.all(members.map((member) => member.state()));
  for (const other of rest) assert.deepEqual(other, first);
}

async function allTalk(members) {
  for (const from of members) {
    const text = `${from.name} says hello`;
    const message = await from.send(text);
    for (const to of members) if (to !== from) assert.equal(await to.read(message), text);
  }
}

// `by` commits, the other members follow, newcomers join; then all agree and talk.
async function commitBy(by, members, what, newcomers = []) {
  const add = await Promise.all(newcomers.map((newcomer) => newcomer.keyPackage()));
  const { commit, welcome } = await by.commit({ ...what, add });
  for (const member of members) if (member !== by) await member.take(commit);
  for (const newcomer of newcomers) await newcomer.join(welcome);
  const all = [...members, ...newcomers];
  await agree(all);
  await allTalk(all);
  return all;
}

async function tellAll(message, from, members) {
  for (const member of members) if (member !== from) await member.take(message);
}

for (const suite of [1, 3]) {
  const ours = (name) => new Ours(suite, name);
  const theirs = (name) => new Theirs(suite, name);
  const ready = async (...members) => { for (const member of members) await member.ready; };

  test(`suite ${suite}: each side adds, updates and removes members of the other`, async () => {
    const [ada, ben, tom, uma] = [ours('ada'), ours('ben'), theirs('tom'), theirs('uma')];
    await ready(ada, ben, tom, uma);
    await ada.create();

    let members = await commitBy(ada, [ada], {}, [tom]);
    members = await commitBy(tom, members, {}, [ben]);
    members = await commitBy(ben, members, { path: false }, [uma]);
    for (const member of members) await commitBy(member, members, {});
    members = members.filter((member) => member !== tom);
    await commitBy(uma, members, { remove: [1] }); // leaf of tom
    members = members.filter((member) => member !== ben);
    await commitBy(ada, members, { remove: [2] }); // leaf of ben
  });

  test(`suite ${suite}: a group they made is followed, in public and in private`, async () => {
    const [ada, ben, tom, uma] = [ours('ada'), ours('ben'), theirs('tom'), theirs('uma')];
    await ready(ada, ben, tom, uma);
    await tom.create();

    let members = await commitBy(tom, [tom], {}, [ada, ben, uma]);
    await commitBy(tom, members, { isPublic: false });
    await commitBy(uma, members, { isPublic: false });
    await commitBy(ada, members, {});
    members = members.filter((member) => member !== uma);
    await commitBy(tom, members, { remove: [3], isPublic: false });
    members = members.filter((member) => member !== tom);
    await commitBy(ada, members, { remove: [0] });
    members = await commitBy(ben, members, {}, [uma]);
    for (const member of members) await commitBy(member, members, {});
  });

  test(`suite ${suite}: what one side proposes the other commits`, async () => {
    const [ada, ben, tom, uma] = [ours('ada'), ours('ben'), theirs('tom'), theirs('uma')];
    await ready(ada, ben, tom, uma);
    await ada.create();
    let members = await commitBy(ada, [ada], {}, [tom, ben, uma]);

    await tellAll(await ben.proposeUpdate(), ben, members);
    await commitBy(tom, members, {});
    await tellAll(await ben.proposeUpdate(), ben, members);
    await commitBy(ada, members, {});
    await tellAll(await ada.proposeRemove(3), ada, members); // leaf of uma
    members = members.filter((member) => member !== uma);
    await commitBy(tom, members, {});
    await tellAll(await tom.proposeRemove(2), tom, members); // leaf of ben
    members = members.filter((member) => member !== ben);
    await commitBy(ada, members, {});
  });

  test(`suite ${suite}: pre-shared keys, extensions and exported secrets agree`, async () => {
    const [ada, tom, uma] = [ours('ada'), theirs('tom'), theirs('uma')];
    await ready(ada, tom, uma);
    await ada.create();
    let members = await commitBy(ada, [ada], {}, [tom]);

    await commitBy(ada, members, { usePsk: true, path: false });
    await commitBy(tom, members, { usePsk: true });
    members = await commitBy(ada, members, { usePsk: true }, [uma]);
    const required = { type: [0, 3], data: [0, 0, 0] }; // required_capabilities that ask for nothing
    await commitBy(ada, members, { extension: required });
    await commitBy(uma, members, {});
    assert.equal(await ada.export('label', 'context'), await uma.export('label', 'context'));
    assert.equal(await tom.export('label', ''), await ada.export('label', ''));
  });
}
