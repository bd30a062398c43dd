// SPDX-License-Identifier: MIT
//
// What comes from outside a group and what may be read there, bounds, and what a group tells, through mls.mjs. `load` gives a
// fresh Mls.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { nodePrimitives } from '../../../crypto/mls/wasm/node_primitives.mjs';
import { agree, hex, hooks, people, ascii, utf8 } from './people.mjs';

const vector = (...parts) => {
  const bytes = Buffer.concat(parts);
  assert.ok(bytes.length < 64); // one byte of length
  return Buffer.from([bytes.length, ...bytes]);
};
const EXTERNAL_SENDERS = 5;
const externalSenders = (seed, name) => [[EXTERNAL_SENDERS, vector(
  vector(nodePrimitives.ed25519Public(seed)), Buffer.from([0, 1]), vector(utf8(name)))]];

export function outsideTests(load) {
  test('a service and a newcomer propose from outside, and the hooks of members decide', async () => {
    const mls = await load();
    const [ada, ben, cid] = people(mls, 3, 'ada', 'ben', 'cid');
    const service = nodePrimitives.random(32);
    const asked = [];
    const watching = { ...hooks, checkOutsider: (change) => { asked.push(change); return true; } };
    ada.group = mls.create({ ...ada.about, id: utf8('group'), extensions: externalSenders(service, 'house'), hooks });
    const { welcome, groupInfo } = ada.group.commit([{ add: ben.keyPackage() }]);
    ada.group.mergePending();
    ben.join(welcome, { hooks: watching });

    const removal = mls.proposeFromOutside({ groupInfo, externalSender: 0, seed: service, proposal: { remove: 1 } });
    assert.equal(ada.group.process(removal).changes[0].proposerType, 'external');
    assert.equal(ben.group.process(removal).senderType, 'external');
    assert.deepEqual(asked.map(({ type, leaf, externalSender }) => [type, leaf, externalSender]), [['remove', 1, 0]]);

    const asks = mls.proposeFromOutside({ groupInfo, seed: cid.seed, proposal: { add: cid.keyPackage() } });
    assert.throws(() => ada.group.process(asks), { name: 'MLS_EPROPOSAL' }); // her hooks say nothing of newcomers
    assert.equal(ascii(ben.group.process(asks).changes[0].identity), 'cid');
    assert.equal(asked[1].proposerType, 'new member proposal');
    assert.deepEqual([ada.group.proposalCount, ben.group.proposalCount], [1, 2]);

    const follower = (checkOutsider) => mls.follow({ groupInfo, tree: ada.group.ratchetTree,
      hooks: { ...hooks, checkOutsider } });
    assert.equal(follower(() => true).takeProposal(asks).changes[0].type, 'add');
    assert.throws(() => follower(() => false).takeProposal(removal), { name: 'MLS_EPROPOSAL' });
    const forgetful = follower(() => true);
    forgetful.takeProposal(removal);
    forgetful.takeProposal(asks);
    forgetful.forgetProposals(1);
    assert.equal(forgetful.proposalCount, 1);
    assert.throws(() => mls.proposeFromOutside({ groupInfo, seed: cid.seed, proposal: { remove: 0 } }), { name: 'MLS_EARG' });
  });

  test('messages tell what they are without a group', async () => {
    const mls = await load();
    const [ada, ben, cid] = people(mls, 1, 'ada', 'ben', 'cid');
    ada.create();
    const packages = [ben, cid].map((person) => person.keyPackage());
    const infos = packages.map((message) => mls.keyPackageInfo(message));
    const first = ada.group.commit([{ add: packages[0] }, { add: packages[1] }], { authenticatedData: utf8('note') });
    ada.group.mergePending();
    ben.join(first.welcome);
    cid.join(first.welcome);

    assert.deepEqual(infos.map(({ identity, suite, lifetime }) => [ascii(identity), suite, lifetime[1] - lifetime[0]]),
      [['ben', 1, 3660], ['cid', 1, 3660]]);
    assert.deepEqual(infos[0].signatureKey, new Uint8Array(nodePrimitives.ed25519Public(ben.seed)));
    assert.deepEqual(mls.viewWelcome(first.welcome).refs.map(hex), infos.map(({ ref }) => hex(ref)));
    assert.equal(mls.viewWelcome(first.welcome).suite, 1);
    const commit = mls.viewCommit(first.commit);
    assert.deepEqual(commit.proposals.map(({ type, keyPackageRef, suite }) => [type, hex(keyPackageRef), suite]),
      infos.map(({ ref }) => ['add', hex(ref), 1]));
    const { treeHash, groupId, ...info } = mls.viewGroupInfo(first.groupInfo);
    assert.deepEqual([treeHash, hex(groupId)], [ada.group.treeHash, hex(ada.group.id)]);
    assert.deepEqual(info, { suite: 1, epoch: 1, signer: 0, hasExternalPub: true, hasRatchetTree: false });
    const { contentBytes, ...message } = mls.viewMessage(first.commit);
    assert.ok(contentBytes < first.commit.length);
    assert.deepEqual(message, { wireFormat: 'public', suite: 0, groupId, epoch: 0, contentType: 'commit',
      senderType: 'member', sender: 0, authenticatedData: utf8('note') });

    const leaving = mls.viewProposal(cid.group.propose({ remove: 2 }));
    const update = cid.group.propose({ update: true });
    assert.deepEqual([leaving.type, leaving.leaf], ['remove', 2]);
    ben.group.process(update);
    const next = mls.viewCommit(ben.group.commit().commit);
    assert.deepEqual(next.proposals, [{ ref: mls.viewProposal(update).ref }]);
    assert.deepEqual([next.hasPath, ascii(next.path.identity)], [true, 'ben']);
    ben.group.clearPending();
    assert.equal(mls.viewMessage(ada.group.encrypt(utf8('text'))).wireFormat, 'private');
    for (const view of ['viewMessage', 'viewCommit', 'viewWelcome', 'viewGroupInfo', 'viewProposal', 'keyPackageInfo'])
      assert.throws(() => mls[view](Uint8Array.of(0, 1, 2)), { name: 'MLS_EDECODE' }, view);
  });

  test('resumption secrets are brought in: of this group, of another, and by who joins alone', async () => {
    const mls = await load();
    const [ada, ben] = people(mls, 3, 'ada', 'ben');
    ada.create();
    const { welcome } = ada.group.commit([{ add: ben.keyPackage() }]);
    ada.group.mergePending();
    ben.join(welcome);
    ben.follow(ada.group.commit([{ resumption: { epoch: 1 } }]).commit);
    ada.group.mergePending();
    agree(ada, ben);
    assert.throws(() => ada.group.commit([{ resumption: { epoch: 0, id: utf8('other') } }]), { name: 'MLS_EPSK' });
    const before = ben.group;
    const back = mls.joinExternal({ ...ben.about, groupInfo: ada.group.groupInfo(), resync: 1,
      psks: [{ resumption: { epoch: before.epoch, id: before.id } }], hooks: { ...hooks, findGroup: () => before } });
    assert.equal(ada.follow(back.commit).changes.some(({ type }) => type === 'psk'), true);
    ben.group = back.group;
    ben.group.mergePending();
    assert.equal(mls.viewGroupInfo(back.groupInfo).epoch, ben.group.epoch);
    agree(ada, ben);
    before.free();
  });

  test('bounds of the application, lifetimes that nobody named, and what a group tells of itself', async () => {
    const mls = await load();
    const [ada, ben] = people(mls, 3, 'ada', 'ben');
    const { lifetime: _, ...undated } = ben.about;
    const year = 365 * 86400;
    const now = () => year;
    assert.deepEqual(mls.keyPackageInfo(mls.keyPackage({ ...undated, hooks: { now } }).message).lifetime,
      [year - 3600, year + 90 * 86400]);
    const dated = mls.keyPackage({ ...undated, hooks: { lifetimeMax: 7200 } });
    const [from, to] = mls.keyPackageInfo(dated.message).lifetime;
    assert.equal(to - from, 7200);

    const withBounds = (bounds) => mls.create({ ...ada.about, id: utf8('group'), hooks: { ...hooks, ...bounds } });
    assert.throws(() => withBounds({ lifetimeMax: 7199 }).commit([{ add: dated.message }]), { name: 'MLS_ELIFETIME' });
    const { leafBytes } = mls.keyPackageInfo(dated.message);
    assert.throws(() => withBounds({ leafBytesMax: leafBytes - 1 }).commit([{ add: dated.message }]), { name: 'MLS_ESIZE' });
    ada.group = withBounds({ lifetimeMax: 7200, leafBytesMax: leafBytes });
    const { commit, welcome } = ada.group.commit([{ add: dated.message }]);
    assert.equal(ada.group.hasPending, true);
    ada.group.mergePending();
    let inviter = null;
    ben.group = mls.join({ welcome, secrets: dated.secrets, seed: ben.seed, hooks, onInviter: (leaf) => { inviter = leaf; } });
    assert.deepEqual([inviter, ben.group.hasPending, ben.group.suite], [0, false, 3]);
    assert.deepEqual([...ben.group.members()].map(({ leaf, identity }) => [leaf, ascii(identity)]),
      [[0, 'ada'], [1, 'ben']]);

    const proposal = ben.group.propose({ update: true }, { authenticatedData: utf8('why') });
    ada.group.checkSignature(proposal);
    const forged = proposal.map((byte, i) => (i === proposal.length - 40 ? byte ^ 1 : byte));
    assert.throws(() => ada.group.checkSignature(forged), { name: 'MLS_ESIGNATURE' });
    assert.throws(() => ada.group.checkSignature(commit),
      { name: 'MLS_EEPOCH', text: 'message belongs to another epoch' });
    assert.equal(ascii(ada.group.process(proposal).authenticatedData), 'why');
    const text = utf8('signed');
    const signature = nodePrimitives.ed25519Sign(ben.seed, text);
    assert.equal(mls.verifySignature(nodePrimitives.ed25519Public(ben.seed), text, signature), true);
    assert.equal(mls.verifySignature(nodePrimitives.ed25519Public(ada.seed), text, signature), false);
    const wants = { ...ada.about, id: utf8('more'), extensions: [[0xf001, utf8('x')]], hooks };
    assert.throws(() => mls.create(wants), { name: 'MLS_EPROPOSAL' });
    assert.deepEqual(mls.create({ ...wants, extensionTypes: [0xf001] }).extension(0xf001), utf8('x'));
  });
}
