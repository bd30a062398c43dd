// SPDX-License-Identifier: MIT
//
// People for tests of mls.mjs: who they are, their group, and what several of them agree on.
import assert from 'node:assert/strict';

import { nodePrimitives } from '../../../crypto/mls/wasm/node_primitives.mjs';

const lifetime = () => [Math.floor(Date.now() / 1000) - 60, Math.floor(Date.now() / 1000) + 3600];
export const hooks = { checkCredential: () => true };
export const utf8 = (string) => new TextEncoder().encode(string);

export class Person {
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

export function agree(...people) {
  for (const { group } of people) {
    assert.deepEqual(group.epochAuthenticator, people[0].group.epochAuthenticator);
    assert.deepEqual(group.treeHash, people[0].group.treeHash);
  }
}

export function say(from, to, text) {
  const received = to.group.process(from.group.encrypt(utf8(text), { paddingBlock: 64 }));
  assert.equal(Buffer.from(received.plaintext).toString(), text);
  assert.equal(Buffer.from(received.sender).toString(), from.name);
}

export const people = (mls, suite, ...names) => names.map((name) => new Person(mls, suite, name));
export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const ascii = (bytes) => Buffer.from(bytes).toString();
