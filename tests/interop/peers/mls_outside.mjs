// SPDX-License-Identifier: MIT
//
// What clients do that come from outside or wait for the delivery service: commits that are pending until they are
// accepted, joining by one's own commit, proposals of a service and of newcomers. In the manner of mls_clients.mjs.
import { generateKeyPairSync } from 'node:crypto';

import { Ours, Theirs, bytesOf, hex, psk } from './mls_clients.mjs';
import { mls } from './ts_mls.mjs';

const utf8 = (text) => new TextEncoder().encode(text);

// A service with a signature key, and the external_senders extension that lists it alone.
export function makeService(name) {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const sender = [key.length, ...key, 0, 1, name.length, ...utf8(name)];
  return { seed, key: new Uint8Array(key), extension: { type: [0, 5], data: [sender.length, ...sender] } };
}

export class OutsideOurs extends Ours {
  // A commit like Ours.commit() makes, for merge() or clear().
  async draft({ add = [], remove = [], usePsk = false }) {
    for (const keyPackage of add) await this.must('add', hex(keyPackage));
    for (const leaf of remove) await this.must('remove', hex([leaf]));
    if (usePsk) await this.must('use-psk', hex(utf8(psk.id)));
    const [commit, welcome] = await this.must('draft', '01');
    return { commit: bytesOf(commit), welcome: bytesOf(welcome) };
  }

  async merge() {
    await this.must('merge');
  }

  async clear() {
    await this.must('clear');
  }

  async info() {
    return bytesOf((await this.must('info', '01'))[0]);
  }

  async joinExternal(info, { oldLeaf, usePsk = false } = {}) {
    if (usePsk) await this.must('use-psk', hex(utf8(psk.id)));
    const leaf = oldLeaf === undefined ? '-' : hex([oldLeaf]);
    return bytesOf((await this.must('join-external', hex(info), leaf))[0]);
  }

  async asks(info) {
    return bytesOf((await this.must('ask', hex(info)))[0]);
  }

  async serviceRemove(service, leaf) {
    return bytesOf((await this.must('service-remove', hex(service.seed), hex([leaf])))[0]);
  }

  async reload() {
    await this.must('reload');
  }

  async leaf() {
    return bytesOf((await this.must('leaf'))[0])[0];
  }

  // Resolves when the message is refused.
  async refuses(message) {
    const [verdict, name] = await this.ask('process', hex(message));
    if (verdict !== 'err') throw new Error(`${this.name} took what it should refuse`);
    return name;
  }
}

export class OutsideTheirs extends Theirs {
  // A client keeps its signature key, as ours do, and so can take its own place again.
  async make() {
    const now = BigInt(Math.floor(Date.now() / 1000));
    const credential = { credentialType: 'basic', identity: utf8(this.name) };
    const lifetime = { notBefore: now - 3600n, notAfter: now + 86400n };
    this.signatureKeys ??= await this.impl.signature.keygen();
    this.keys = await mls.generateKeyPackageWithKey(credential, mls.defaultCapabilities(), lifetime, [],
      this.signatureKeys, this.impl);
  }

  async draft(what) {
    const before = this.group;
    const made = await this.commit(what);
    this.next = this.group;
    this.group = before;
    return made;
  }

  async merge() {
    this.group = this.next;
  }

  async clear() {
    this.next = undefined;
  }

  async info() {
    const groupInfo = await mls.createGroupInfoWithExternalPubAndRatchetTree(this.group, [], this.impl);
    return this.encode({ wireformat: 'mls_group_info', groupInfo });
  }

  // With a resync ts-mls looks for its own leaf by the signature key and does not come back without it.
  async joinExternal(info, { oldLeaf } = {}) {
    await this.make();
    const result = await mls.joinGroupExternal(this.decode(info).groupInfo, this.keys.publicPackage,
      this.keys.privatePackage, oldLeaf !== undefined, this.impl);
    this.next = result.newState;
    return this.encode({ wireformat: 'mls_public_message', publicMessage: result.publicMessage });
  }

  async asks(info) {
    await this.make();
    return mls.encodeMlsMessage(await mls.proposeAddExternal(this.decode(info).groupInfo,
      this.keys.publicPackage, this.keys.privatePackage, this.impl));
  }

  async serviceRemove(service, leaf) {
    const { groupInfo } = this.decode(await this.info());
    return mls.encodeMlsMessage(await mls.proposeExternal(groupInfo,
      { proposalType: 'remove', remove: { removed: leaf } }, service.key, new Uint8Array(service.seed),
      this.impl));
  }

  async reload() {
    this.group = { ...mls.decodeGroupState(mls.encodeGroupState(this.group), 0)[0],
      clientConfig: this.group.clientConfig };
  }

  async leaf() {
    return this.group.privatePath.leafIndex;
  }

  async refuses(message) {
    const before = this.group;
    try {
      await this.take(message);
    } catch (error) {
      this.group = before;
      return error.message;
    }
    throw new Error(`${this.name} took what it should refuse`);
  }
}
