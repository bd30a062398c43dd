// SPDX-License-Identifier: MIT
//
// MLS against OpenMLS, which most who have MLS use: its members and ours in one group, each side adding, renewing, removing and
// joining by itself, in both suites. After every commit all export the same secret.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Ours, bytesOf, hex } from './peers/mls_clients.mjs';
import { OpenMember, nameOf } from './peers/openmls.mjs';

const SECRET_BYTES = 32;
const text = (string) => new Uint8Array(Buffer.from(string));
const secretOf = async (member) => (member instanceof Ours ? member.export('exporter', '')
  : hex(await member.exported(SECRET_BYTES)));

async function agree(members) {
  const [first, ...others] = await Promise.all(members.map(secretOf));
  for (const other of others) assert.equal(other, first);
}

// One has committed; the others follow.
async function follow(by, members, commit) {
  for (const member of members) if (member !== by) await member.take(commit);
  await agree(members);
}

for (const suite of [1, 3]) {
  test(`suite ${suite}: each side adds, renews, talks and removes`, async () => {
    const [ada, ben] = ['ada0', 'be00'].map((device) => new Ours(suite, nameOf(device)));
    await ada.ready;
    await ben.ready;
    const [olga, otto] = [await OpenMember.make(suite), await OpenMember.make(suite)];
    await ada.create();
    const first = await ada.commit({ add: [await olga.keyPackage()] });
    await olga.join(first.welcome);
    await agree([ada, olga]);
    const second = await olga.add([await ben.keyPackage(), await otto.keyPackage()]);
    await ada.take(second.commit);
    await ben.join(second.welcome);
    await otto.join(second.welcome);
    const members = [ada, ben, olga, otto];
    await agree(members);

    for (const by of members) await follow(by, members, (by instanceof Ours ? await by.commit({}) : await by.renew()).commit);
    const hello = await olga.send(text('hello'));
    for (const member of [ada, ben, otto]) assert.equal(await member.read(hello), 'hello');
    assert.equal(await olga.read(await ben.send('good day')), 'good day');

    const left = members.filter((member) => member !== otto);
    await follow(olga, left, (await olga.remove(otto)).commit);
    await follow(ada, [ada, ben], (await ada.commit({ remove: [1] })).commit); // leaf of olga
  });

  test(`suite ${suite}: each side joins the other by itself`, async () => {
    const [ada, ben] = ['ada0', 'be00'].map((device) => new Ours(suite, nameOf(device)));
    await ada.ready;
    await ben.ready;
    const olga = await OpenMember.make(suite);
    await ada.create();
    const { commit } = await olga.joinExternal(bytesOf((await ada.must('info', '01'))[0]));
    await ada.take(commit);
    await agree([ada, olga]);

    const [joined] = await ben.must('join-external', ...await ada.must('info', '01'), '-');
    await ben.must('merge');
    await follow(ben, [ada, ben, olga], bytesOf(joined));
    await follow(olga, [ada, ben, olga], (await olga.renew()).commit);
  });
}
