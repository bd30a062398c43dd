// SPDX-License-Identifier: MIT
//
// A member's group, as Mls makes it: what is true, proposals and commits, messages. Its rules are those of mls/mls.h.
import { HANDLE } from './handle.mjs';
import { received } from './received.mjs';

const HASH_BYTES = 32;

export class Group {
  #mls;
  #handle;
  #hold;

  constructor(mls, handle, hold) {
    this.#mls = mls;
    this.#handle = handle;
    this.#hold = hold;
  }

  free() {
    if (this.#handle === 0) return;
    this.#mls.wasm.group_free(this.#handle);
    this.#handle = 0;
    this.#hold.drop();
  }

  // For those of this folder who hand the group to the library.
  get [HANDLE]() { return this.#handle; }

  // ---- What is true now ----

  get epoch() { return this.#mls.wasm.group_epoch(this.#handle); }
  get ownLeaf() { return this.#mls.wasm.group_own_leaf(this.#handle); }
  get isActive() { return this.#mls.wasm.group_is_active(this.#handle) !== 0; }
  get memberCount() { return this.#mls.wasm.group_member_count(this.#handle); }
  get epochAuthenticator() { return this.#fixed(HASH_BYTES, 'group_epoch_authenticator'); }
  get treeHash() { return this.#fixed(HASH_BYTES, 'group_tree_hash'); }
  get ratchetTree() { return this.#output('group_ratchet_tree'); }

  #fixed(length, name) { return this.#mls.fixed(length, (out) => this.#mls.wasm[name](this.#handle, out)); }
  #output(name) { return this.#mls.outputs(1, (out) => this.#mls.wasm[name](this.#handle, out))[0]; }

  member(leaf) {
    const [identity, signatureKey] = this.#mls.outputs(2,
      (name, key) => this.#mls.wasm.group_member(this.#handle, leaf, name, key));
    return { identity, signatureKey };
  }

  // Data of an extension of the group context; throws MLS_ENOTFOUND when there is none of this type.
  extension(type) {
    return this.#mls.outputs(1, (out) => this.#mls.wasm.group_extension(this.#handle, type, out))[0];
  }

  // What a ReInit that was merged asks of the successor, which mls.reinit() makes; null while the group is open.
  get successor() {
    const suite = this.#mls.wasm.group_successor_suite(this.#handle);
    if (suite === 0) return null;
    const [id, extensions] = this.#mls.outputs(2, (...outs) => this.#mls.wasm.group_successor(this.#handle, ...outs));
    return { id, suite, extensions };
  }

  save() { return this.#output('group_save'); }

  groupInfo({ withTree = true } = {}) {
    return this.#mls.outputs(1, (out) => this.#mls.wasm.group_export_info(this.#handle, Number(withTree), out))[0];
  }

  export(label, context, size) {
    return this.#mls.lend([new TextEncoder().encode(`${label}\0`), context], (labelAt, _, at, length) => this.#mls.fixed(
      size, (out) => this.#mls.wasm.group_export(this.#handle, labelAt, at, length, out, size)));
  }

  // ---- Proposals and commits ----

  // Proposals are { add: key package }, { remove: leaf }, { psk: id }, { reinit: { id, suite, extensions } },
  // { extensions: [[type, data]] } and, to propose only, { update: true }.
  #append(list, proposal) {
    const { wasm } = this.#mls;
    const { add, psk, reinit, extensions, update, remove } = proposal;
    const keep = (bytes) => this.#mls.keep(bytes);
    if (add) return wasm.proposals_add(list, ...keep(add));
    if (psk) return wasm.proposals_psk(list, ...keep(psk));
    if (update) return wasm.proposals_update(list);
    if (reinit) return wasm.proposals_reinit(list, ...keep(reinit.id), reinit.suite, this.#mls.keepExtensions(reinit.extensions));
    if (extensions) return wasm.proposals_extensions(list, this.#mls.keepExtensions(extensions));
    return wasm.proposals_remove(list, remove);
  }

  #withList(proposals, call) {
    return this.#mls.keeping(() => {
      const list = this.#mls.wasm.proposals_new();
      try {
        for (const proposal of proposals) this.#mls.check(this.#append(list, proposal));
        return call(list);
      } finally {
        this.#mls.wasm.proposals_free(list);
      }
    });
  }

  propose(proposal) {
    return this.#withList([proposal], (list) => this.#mls.outputs(1,
      (out) => this.#mls.wasm.group_propose(this.#handle, list, out)))[0];
  }

  commit(proposals = [], { forcePath = false, welcomeWithoutTree = false, skipKept = false } = {}) {
    const flags = Number(forcePath) + 2 * Number(welcomeWithoutTree) + 4 * Number(skipKept);
    const [commit, welcome, groupInfo] = this.#withList(proposals, (list) => this.#mls.outputs(3,
      (...outs) => this.#mls.wasm.group_commit(this.#handle, list, flags, ...outs)));
    return { commit, welcome, groupInfo };
  }

  mergePending() { this.#mls.check(this.#mls.wasm.group_merge_pending(this.#handle)); }
  clearPending() { this.#mls.wasm.group_clear_pending(this.#handle); }
  mergeStaged() { this.#mls.check(this.#mls.wasm.group_merge_staged(this.#handle)); }
  dropStaged() { this.#mls.wasm.group_drop_staged(this.#handle); }

  // ---- Messages ----

  encrypt(plaintext, { authenticatedData = new Uint8Array(), paddingBlock = 0 } = {}) {
    return this.#mls.lend([plaintext, authenticatedData], (at, length, dataAt, dataLength) => this.#mls.outputs(1,
      (out) => this.#mls.wasm.group_encrypt(this.#handle, at, length, dataAt, dataLength, paddingBlock, out)))[0];
  }

  process(message) {
    return received(this.#mls, (out) => this.#mls.lend([message],
      (at, length) => this.#mls.wasm.group_process(this.#handle, at, length, out)));
  }
}
