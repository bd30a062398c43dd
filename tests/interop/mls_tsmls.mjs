// SPDX-License-Identifier: MIT
//
// MLS against ts-mls, an independent implementation: clients of both in one group, each side adding,
// removing, updating, committing what the other proposed, with pre-shared keys and extensions, in
// both suites. After every commit all have the same epoch authenticator and tree hash.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Ours, Theirs, commitBy, tellAll } from './peers/mls_clients.mjs';

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
