// SPDX-License-Identifier: MIT
//
// What a member's group and one that is followed from outside have in common: a handle of the instance, a hold on its
// hooks, and what is true now. The exports of both have the same names behind a prefix.
import { HANDLE } from './owners.mjs';

const HASH_BYTES = 32;
const NO_LEAF = 0xffffffff;

export class Followed {
  #inside;
  #prefix;
  #handle;
  #hold;

  constructor(inside, prefix, handle, hold) {
    this.#inside = inside;
    this.#prefix = prefix;
    this.#handle = handle;
    this.#hold = hold;
  }

  // Ends it; any number of times.
  free() {
    if (this.#handle === 0) return;
    this.call('free');
    this.#handle = 0;
    this.#hold.drop();
  }

  // For those of this folder: the instance, the address, another hold on the same hooks, a call of an export.
  get inside() { return this.#inside; }
  get [HANDLE]() { return this.#handle; }
  moreHold() { return this.#hold.more(); }
  call(name, ...args) { return this.#inside.wasm[`${this.#prefix}_${name}`](this.#handle, ...args); }
  hash(name) { return this.#inside.fixed(HASH_BYTES, (out) => this.call(name, out)); }
  output(name, ...args) { return this.#inside.output((out) => this.call(name, ...args, out)); }

  // ---- What is true now ----

  get id() { return this.output('id'); }
  get suite() { return this.call('suite'); }
  get epoch() { return this.call('epoch'); }
  get memberCount() { return this.call('member_count'); }
  get proposalCount() { return this.call('proposal_count'); }
  get treeHash() { return this.hash('tree_hash'); }
  get ratchetTree() { return this.output('ratchet_tree'); }

  member(leaf) {
    const [identity, signatureKey] = this.#inside.outputs(2, (name, key) => this.call('member', leaf, name, key));
    return { leaf, identity, signatureKey };
  }

  // In the order of their leaves.
  * members() {
    for (let leaf = this.call('next_member', 0) >>> 0; leaf !== NO_LEAF; leaf = this.call('next_member', leaf + 1) >>> 0)
      yield this.member(leaf);
  }

  // Data of an extension of the group context; throws MLS_ENOTFOUND when there is none of this type.
  extension(type) { return this.output('extension', type); }

  // What a ReInit that was merged asks of the successor; null while the group is open.
  get successor() {
    const suite = this.call('successor_suite');
    if (suite === 0) return null;
    const [id, extensions] = this.#inside.outputs(2, (...outs) => this.call('successor', ...outs));
    return { id, suite, extensions };
  }

  get isClosed() { return this.call('successor_suite') !== 0; }

  save() { return this.output('save'); }
}
