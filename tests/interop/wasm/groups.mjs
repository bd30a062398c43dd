// SPDX-License-Identifier: MIT
//
// Members, successors, branches and a follower through mls.mjs. `load` gives a fresh Mls.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MlsError } from '../../../crypto/mls/wasm/mls.mjs';
import { agree, hooks, people, say, ascii, utf8 } from './people.mjs';

export function groupTests(load) {
  for (const suite of [1, 3]) {
    test(`suite ${suite}: create, add, propose, update, remove, save and load through the exports`, async () => {
      const mls = await load();
      const [ada, ben, cid] = people(mls, suite, 'ada', 'ben', 'cid');
      ada.create();
      const first = ada.group.commit([{ add: ben.keyPackage() }, { add: cid.keyPackage() }],
        { welcomeWithoutTree: true });
      ada.group.mergePending();
      const tree = ada.group.ratchetTree;
      assert.throws(() => ben.join(first.welcome), { name: 'MLS_ETREE' });
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
      assert.equal(ascii(sender), 'ben');
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
      assert.equal(ascii(ben.group.member(0).identity), 'ada');
      say(ben, ada, 'goodbye');
      for (const { group } of [ada, ben, cid]) group.free();
    });
  }

  test('the hooks decide: a credential is refused, a pre-shared key is found or not', async () => {
    const mls = await load();
    const [ada, ben] = people(mls, 3, 'ada', 'ben');
    ada.create();
    ada.group.commit([{ add: ben.keyPackage() }]);
    ada.group.clearPending();
    const { welcome } = ada.group.commit([{ add: ben.keyPackage() }]);
    ada.group.mergePending();
    const distrust = { checkCredential: ({ identity }) => ascii(identity) !== 'ada' };
    assert.throws(() => ben.join(welcome, { hooks: distrust }), { name: 'MLS_ECREDENTIAL' });
    ben.join(welcome, { hooks: { ...hooks, findPsk: (id) => (ascii(id) === 'known' ? utf8('key') : null) } });
    assert.throws(() => ben.group.commit([{ psk: utf8('unknown') }]), { name: 'MLS_EPSK' });
    const { commit } = ben.group.commit([{ psk: utf8('known') }]);
    assert.throws(() => ada.group.process(commit), { name: 'MLS_EPSK' });
  });

  test('one joins by an external commit, loses the state and comes back by resync', async () => {
    const mls = await load();
    const [ada, ben] = people(mls, 1, 'ada', 'ben');
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
      const [ada, ben, cid] = people(mls, suite, 'ada', 'ben', 'cid');
      ada.create();
      const { welcome } = ada.group.commit([{ add: ben.keyPackage() }, { add: cid.keyPackage() }]);
      ada.group.mergePending();
      for (const person of [ben, cid]) person.join(welcome);

      const branch = mls.branch({ ...ada.about, old: ada.group, id: utf8('some'), keyPackages: [ben.keyPackage()], hooks });
      const whole = ben.group;
      assert.throws(() => ben.join(branch.welcome), { name: 'MLS_EPSK' });
      ben.join(branch.welcome, { hooks: { ...hooks, findGroup: (id) => (ascii(id) === 'group' ? whole : null) } });
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
      assert.deepEqual([cid.group.successor.suite, ascii(cid.group.successor.id)], [other, 'after']);
      assert.throws(() => ada.group.commit(), { name: 'MLS_ECLOSED' });
      const old = new Map([ada, ben, cid].map((person) => [person, person.group]));
      for (const person of [ada, ben, cid]) person.suite = other;
      const packages = [ben, cid].map((person) => person.keyPackage());
      assert.throws(() => mls.reinit({ ...ada.about, old: ada.group, keyPackages: packages.slice(1), hooks }),
        { name: 'MLS_ELINK' });
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
    const [ada, ben] = people(mls, 3, 'ada', 'ben');
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
    assert.equal(ascii(outside.member(1).identity), 'ben');
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
    assert.throws(() => outside.checkInfo(first.groupInfo), { name: 'MLS_EEPOCH' });
    assert.deepEqual([outside.memberCount, outside.isClosed], [1, false]);

    const { commit } = ada.group.commit([{ reinit: { id: utf8('after'), suite: 3 } }]);
    ada.group.mergePending();
    advance(commit);
    assert.equal(outside.isClosed, true);
    outside.free();
  });
}
