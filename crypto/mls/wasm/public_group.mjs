// SPDX-License-Identifier: MIT
//
// A group that is followed without its secrets (mls/public_group.h), as a delivery service does. A commit leaves it as it is
// and gives the next one beside it; whoever goes on with that frees this one.
import { received } from './received.mjs';

const HASH_BYTES = 32;

export class PublicGroup {
  #mls;
  #handle;
  #hold;

  // `hold`: what this group holds of its hooks, which the next one holds, too.
  constructor(mls, handle, hold) {
    this.#mls = mls;
    this.#handle = handle;
    this.#hold = hold;
  }

  free() {
    if (this.#handle === 0) return;
    this.#mls.wasm.public_free(this.#handle);
    this.#handle = 0;
    this.#hold.drop();
  }

  get epoch() { return this.#mls.wasm.public_epoch(this.#handle); }
  get memberCount() { return this.#mls.wasm.public_member_count(this.#handle); }
  get proposalCount() { return this.#mls.wasm.public_proposal_count(this.#handle); }
  get isClosed() { return this.#mls.wasm.public_is_closed(this.#handle) !== 0; }
  get treeHash() { return this.#mls.fixed(HASH_BYTES, (out) => this.#mls.wasm.public_tree_hash(this.#handle, out)); }
  get ratchetTree() { return this.#mls.outputs(1, (out) => this.#mls.wasm.public_ratchet_tree(this.#handle, out))[0]; }

  member(leaf) {
    const [identity, signatureKey] = this.#mls.outputs(2,
      (name, key) => this.#mls.wasm.public_member(this.#handle, leaf, name, key));
    return { identity, signatureKey };
  }

  // Keeps a proposal of this epoch and tells what it asks for.
  takeProposal(message) {
    return received(this.#mls, (out) => this.#mls.lend([message],
      (at, length) => this.#mls.wasm.public_take_proposal(this.#handle, at, length, out)));
  }

  // Tells what a commit changes, and gives the group it leads to.
  takeCommit(message) {
    let told;
    const next = this.#mls.pointer((nextOut) => {
      told = received(this.#mls, (out) => this.#mls.lend([message],
        (at, length) => this.#mls.wasm.public_take_commit(this.#handle, at, length, out, nextOut)));
      return 0;
    });
    return { ...told, next: new PublicGroup(this.#mls, next, this.#hold.more()) };
  }

  // Throws unless a GroupInfo is one of this epoch; gives the leaf of the member who signed it.
  checkInfo(groupInfo) {
    return this.#mls.pointer((signer) => this.#mls.lend([groupInfo],
      (at, length) => this.#mls.wasm.public_check_info(this.#handle, at, length, signer)));
  }

  save() { return this.#mls.outputs(1, (out) => this.#mls.wasm.public_save(this.#handle, out))[0]; }
}
