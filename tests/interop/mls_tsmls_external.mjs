// SPDX-License-Identifier: MIT
//
// Coming from outside, against ts-mls: joining by one's own commit, taking one's own lost place, being removed by a
// service, asking to be added; each done by either side and followed by both. After every step all agree and talk.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { agree, allTalk, commitBy, tellAll } from './peers/mls_clients.mjs';
import { OutsideOurs, OutsideTheirs, makeService } from './peers/mls_outside.mjs';

// A group of two of each side, made by ours.
async function groupOfFour(suite) {
  const [ada, ben] = [new OutsideOurs(suite, 'ada'), new OutsideOurs(suite, 'ben')];
  const [tom, uma] = [new OutsideTheirs(suite, 'tom'), new OutsideTheirs(suite, 'uma')];
  for (const member of [ada, ben, tom, uma]) await member.ready;
  await ada.create();
  return { ada, ben, tom, uma, members: await commitBy(ada, [ada], {}, [ben, tom, uma]) };
}

async function joins(joiner, host, members, options) {
  const commit = await joiner.joinExternal(await host.info(), options);
  for (const member of members) if (member !== joiner) await member.take(commit);
  await joiner.merge();
  const all = [...members.filter((member) => member !== joiner), joiner];
  await agree(all);
  await allTalk(all);
  for (const member of [joiner, host]) await commitBy(member, all, {});
  return all;
}

for (const suite of [1, 3]) {
  test(`suite ${suite}: newcomers of both sides join by themselves, from the GroupInfo of either`, async () => {
    const { ada, ben, tom, members } = await groupOfFour(suite);
    const [cleo, dora] = [new OutsideOurs(suite, 'cleo'), new OutsideOurs(suite, 'dora')];
    const [vic, wim] = [new OutsideTheirs(suite, 'vic'), new OutsideTheirs(suite, 'wim')];
    for (const newcomer of [cleo, dora, vic, wim]) await newcomer.ready;

    let all = await joins(cleo, ada, members);
    all = await joins(vic, ben, all);
    all = await joins(dora, tom, all, { usePsk: true });
    all = await joins(wim, vic, all);
    assert.equal(await cleo.export('label', 'context'), await wim.export('label', 'context'));
  });

  test(`suite ${suite}: members of both sides that lost their state take their own place`, async () => {
    const { ada, ben, tom, uma, members } = await groupOfFour(suite);

    let all = await joins(ben, ada, members, { oldLeaf: 1 });
    all = await joins(tom, ada, all, { oldLeaf: 2 });
    all = await joins(ada, uma, all, { oldLeaf: 0 });
    await joins(uma, tom, all, { oldLeaf: 3 });
  });

  test(`suite ${suite}: a service removes members, by whoever commits it`, async () => {
    const { ada, ben, tom, uma, members } = await groupOfFour(suite);
    const service = makeService('service');
    await commitBy(ada, members, { extension: service.extension });

    await tellAll(await ada.serviceRemove(service, 1), undefined, members); // leaf of ben
    let rest = members.filter((member) => member !== ben);
    await commitBy(tom, rest, {});
    await tellAll(await tom.serviceRemove(service, 3), undefined, rest); // leaf of uma
    rest = rest.filter((member) => member !== uma);
    await commitBy(ada, rest, {});
  });

  test(`suite ${suite}: newcomers ask, and a member of the other side adds them`, async () => {
    const { ada, tom, members } = await groupOfFour(suite);
    const [cleo, vic] = [new OutsideOurs(suite, 'cleo'), new OutsideTheirs(suite, 'vic')];
    let all = members;
    for (const [newcomer, committer] of [[cleo, tom], [vic, ada]]) {
      await newcomer.ready;
      await tellAll(await newcomer.asks(await ada.info()), undefined, all);
      const { commit, welcome } = await committer.commit({});
      for (const member of all) if (member !== committer) await member.take(commit);
      await newcomer.join(welcome);
      all = [...all, newcomer];
      await agree(all);
      await allTalk(all);
    }
  });
}
