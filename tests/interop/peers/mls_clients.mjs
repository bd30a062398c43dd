// SPDX-License-Identifier: MIT
//
// Clients of MLS for the tests beside this folder: ours, a process of mls_peer.c, and those of ts-mls. Both
// have the same methods, so that a test can put them into one group without asking which is which.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

import { mls } from './ts_mls.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.SOTTO_BUILD ?? path.join(here, '..', '..', '..', 'build');
export const suites = {
  1: 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519',
  3: 'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519',
};
export const psk = { id: 'shared', key: 'a key that both sides know' };

export const hex = (bytes) => Buffer.from(bytes).toString('hex') || '-';
export const bytesOf = (text) => new Uint8Array(Buffer.from(text === '-' ? '' : text, 'hex'));
const pskIndex = (state) => mls.makePskIndex(state, {
  [mls.bytesToBase64(Buffer.from(psk.id))]: new Uint8Array(Buffer.from(psk.key)),
});

// ---- Our client: one process, one answer for each line ---------------------------------------

export class Ours {
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

  async join(welcome, tree = []) {
    await this.must('join', hex(welcome), hex(tree));
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

export class Theirs {
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

export async function agree(members) {
  const [first, ...rest] = await Promise.all(members.map((member) => member.state()));
  for (const other of rest) assert.deepEqual(other, first);
}

export async function allTalk(members) {
  for (const from of members) {
    const text = `${from.name} says hello`;
    const message = await from.send(text);
    for (const to of members) if (to !== from) assert.equal(await to.read(message), text);
  }
}

// `by` commits, the other members follow, newcomers join; then all agree and talk.
export async function commitBy(by, members, what, newcomers = []) {
  const add = await Promise.all(newcomers.map((newcomer) => newcomer.keyPackage()));
  const { commit, welcome } = await by.commit({ ...what, add });
  for (const member of members) if (member !== by) await member.take(commit);
  for (const newcomer of newcomers) await newcomer.join(welcome);
  const all = [...members, ...newcomers];
  await agree(all);
  await allTalk(all);
  return all;
}

export async function tellAll(message, from, members) {
  for (const member of members) if (member !== from) await member.take(message);
}
