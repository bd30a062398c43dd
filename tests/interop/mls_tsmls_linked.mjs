// SPDX-License-Identifier: MIT
//
// Groups that continue a group, against ts-mls: resumption secrets of earlier epochs, closing by a ReInit and the
// successor in the other suite, and branches, each made by either side and joined by both.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Ours, Theirs, agree, allTalk, bytesOf, commitBy, hex, suites } from './peers/mls_clients.mjs';
import { mls } from './peers/ts_mls.mjs';

const utf8 = (text) => new TextEncoder().encode(text);
const otherSuite = (suite) => (suite === 1 ? 3 : 1);

class LinkedOurs extends Ours {
  constructor(suite, name) {
    super(suite, name);
    this.suite = suite;
  }

  // Beside what Ours can: { epoch } brings in a resumption secret, { reinit } closes the group.
  async commit(what) {
    if (what.epoch !== undefined) await this.must('use-epoch', hex([what.epoch]));
    if (what.reinit) await this.must('reinit', hex(utf8(what.reinit)), `0${otherSuite(this.suite)}`);
    return super.commit(what);
  }

  async stepAside(suite) {
    this.suite = suite;
    await this.must('aside', `0${suite}`);
  }

  async make(words, keyPackages) {
    for (const keyPackage of keyPackages) await this.must('add', hex(keyPackage));
    const [, welcome] = await this.must(...words);
    return { welcome: bytesOf(welcome) };
  }

  async successor(id, keyPackages) {
    return this.make(['successor'], keyPackages);
  }

  async branch(id, keyPackages) {
    return this.make(['branch', hex(utf8(id))], keyPackages);
  }

  async joinLinked({ welcome, tree }) {
    await this.join(welcome, tree);
  }
}

class LinkedTheirs extends Theirs {
  constructor(suite, name) {
    super(suite, name);
    this.suite = suite;
  }

  async commit(what) {
    if (what.reinit) {
      const result = await mls.reinitGroup(this.group, utf8(what.reinit), 'mls10',
        suites[otherSuite(this.suite)], [], this.impl);
      this.group = result.newState;
      return { commit: mls.encodeMlsMessage(result.commit) };
    }
    if (what.epoch === undefined) return super.commit(what);
    const preSharedKeyId = {
      psktype: 'resumption', usage: 'application', pskGroupId: this.group.groupContext.groupId,
      pskEpoch: BigInt(what.epoch), pskNonce: crypto.getRandomValues(new Uint8Array(32)),
    };
    const result = await mls.createCommit(
      { state: this.group, cipherSuite: this.impl, pskIndex: mls.makePskIndex(this.group, {}) },
      { extraProposals: [{ proposalType: 'psk', psk: { preSharedKeyId } }], wireAsPublicMessage: true });
    this.group = result.newState;
    return { commit: mls.encodeMlsMessage(result.commit) };
  }

  async stepAside(suite) {
    this.suite = suite;
    this.earlier = this.group;
    this.impl = await mls.getCiphersuiteImpl(mls.getCiphersuiteFromName(suites[suite]));
  }

  // ts-mls leaves the tree out of these Welcomes and writes it into a GroupInfo only.
  async given(result) {
    this.group = result.newState;
    const info = await mls.createGroupInfoWithExternalPubAndRatchetTree(this.group, [], this.impl);
    const { extensionData } = info.extensions.find((e) => e.extensionType === 'ratchet_tree');
    return {
      welcome: this.encode({ wireformat: 'mls_welcome', welcome: result.welcome }),
      tree: extensionData,
      theirTree: this.group.ratchetTree,
    };
  }

  packagesOf(keyPackages) {
    return keyPackages.map((keyPackage) => this.decode(keyPackage).keyPackage);
  }

  async successor(id, keyPackages) {
    await this.make();
    return this.given(await mls.reinitCreateNewGroup(this.earlier, this.keys.publicPackage,
      this.keys.privatePackage, this.packagesOf(keyPackages), utf8(id), suites[this.suite], []));
  }

  async branch(id, keyPackages) {
    await this.make();
    return this.given(await mls.branchGroup(this.earlier, this.keys.publicPackage,
      this.keys.privatePackage, this.packagesOf(keyPackages), utf8(id), this.impl));
  }

  async joinLinked({ welcome, theirTree }) {
    const decoded = this.decode(welcome).welcome;
    const { publicPackage, privatePackage } = this.keys;
    this.group = this.earlier.groupActiveState.kind === 'suspendedPendingReinit'
      ? await mls.joinGroupFromReinit(this.earlier, decoded, publicPackage, privatePackage, theirTree)
      : await mls.joinGroupFromBranch(this.earlier, decoded, publicPackage, privatePackage, theirTree,
        this.impl);
  }
}

// A group of two of each side, made by ours.
async function groupOfFour(suite) {
  const [ada, ben] = [new LinkedOurs(suite, 'ada'), new LinkedOurs(suite, 'ben')];
  const [tom, uma] = [new LinkedTheirs(suite, 'tom'), new LinkedTheirs(suite, 'uma')];
  for (const member of [ada, ben, tom, uma]) await member.ready;
  await ada.create();
  const members = await commitBy(ada, [ada], {}, [ben, tom, uma]);
  return { ada, ben, tom, uma, members };
}

// `by` makes a group out of the earlier one with the others; all agree and talk.
async function continueIn(how, by, others) {
  const keyPackages = [];
  for (const other of others) keyPackages.push(await other.keyPackage());
  const made = await by[how](how, keyPackages);
  for (const other of others) await other.joinLinked(made);
  await agree([by, ...others]);
  await allTalk([by, ...others]);
  assert.equal((await by.state()).epoch, 1n);
}

for (const suite of [1, 3]) {
  test(`suite ${suite}: secrets of earlier epochs are brought in by both sides`, async () => {
    const { ada, tom, members } = await groupOfFour(suite);

    await commitBy(tom, members, {});
    await commitBy(ada, members, { epoch: 1, path: false });
    await commitBy(tom, members, { epoch: 2 });
    await commitBy(ada, members, { epoch: 2 });
  });

  for (const closes of ['ada', 'tom']) {
    for (const makes of ['ben', 'uma']) {
      test(`suite ${suite}: ${closes} closes a group and ${makes} makes its successor`, async () => {
        const people = await groupOfFour(suite);
        const { members } = people;
        const closer = people[closes], maker = people[makes];

        const { commit } = await closer.commit({ reinit: 'successor', path: false });
        for (const member of members) if (member !== closer) await member.take(commit);
        await agree(members);
        for (const member of members) await member.stepAside(otherSuite(suite));
        await continueIn('successor', maker, members.filter((member) => member !== maker));
        for (const member of members) await commitBy(member, members, {});
      });
    }
  }

  for (const makes of ['ben', 'uma']) {
    test(`suite ${suite}: ${makes} branches with one of each side`, async () => {
      const { ada, tom, members, ...rest } = await groupOfFour(suite);

      for (const member of members) await member.stepAside(suite);
      await continueIn('branch', rest[makes], [ada, tom]);
      await commitBy(ada, [ada, tom, rest[makes]], {});
    });
  }
}
