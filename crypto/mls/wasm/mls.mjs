// SPDX-License-Identifier: MIT
//
// crypto/mls as a JavaScript module over mls.wasm: key packages and groups with byte arrays, nothing of the memory shows.
//
//   const mls = await Mls.load(wasmBytes, nodePrimitives);
//   const { message, secrets } = mls.keyPackage({ suite: 3, seed, identity, lifetime: [from, to] });
//   const group = mls.create({ suite: 3, id, seed, identity, lifetime: [from, to], hooks });
//   const { commit, welcome } = group.commit([{ add: message }]);    group.mergePending();
//
// hooks of a group: checkCredential({ identity, signatureKey, replaces }) -> true or false (required), now() -> Unix seconds,
// findPsk(id) -> bytes or null. Errors are MlsError with the name of mls/error.h. A group holds memory of the instance until
// free(); its rules (when to save, what waits) are those of mls/mls.h.
import { hostImports } from './host.mjs';

const CREDENTIAL_REFUSED = -15; // MLS_ECREDENTIAL
const PSK_UNKNOWN = -22; // MLS_EPSK
const kinds = { 1: 'application', 2: 'proposal', 3: 'commit', 4: 'own commit' };
const changes = { 1: 'add', 2: 'update', 3: 'remove', 4: 'psk', 5: 'reinit', 6: 'external init', 7: 'extensions' };
const NO_LEAF = 0xffffffff;
const HASH_BYTES = 32;

export class MlsError extends Error {
  constructor(name) {
    super(name);
    this.name = name;
  }
}

export class Mls {
  #owners = new Map();
  #nextOwner = 1;

  // Compiles and starts the library; the primitives as in node_primitives.mjs.
  static async load(wasm, primitives) {
    const mls = new Mls();
    const imports = { host: hostImports(() => mls.instance, primitives, mls.#questions()) };
    ({ instance: mls.instance } = await WebAssembly.instantiate(wasm, imports));
    return mls;
  }

  #questions() {
    return {
      checkCredential: (owner, at) => {
        const [identity, signatureKey, oldIdentity, oldKey] = [0, 1, 2, 3].map((field) => this.read(
          this.wasm.credential_data(at, field), this.wasm.credential_len(at, field)));
        const replaces = oldKey.length > 0 ? { identity: oldIdentity, signatureKey: oldKey } : null;
        const good = this.#owners.get(owner).checkCredential({ identity, signatureKey, replaces });
        return good === true ? 0 : CREDENTIAL_REFUSED;
      },
      now: (owner) => this.#owners.get(owner).now?.() ?? Math.floor(Date.now() / 1000),
      findPsk: (owner, id, out) => {
        const psk = this.#owners.get(owner).findPsk?.(id);
        return psk ? this.lend([psk], (at, length) => this.wasm.buf_set(out, at, length)) : PSK_UNKNOWN;
      },
    };
  }

  get wasm() { return this.instance.exports; }

  // ---- Bytes in and out --------------------------------------------------------------------

  read(at, length) { return new Uint8Array(this.wasm.memory.buffer).slice(at, at + length); }

  // Copies arrays into the instance for one call, as address and length each, and wipes them after it.
  lend(arrays, call) {
    const places = arrays.map((array) => [this.wasm.alloc(array.length), array.length]);
    try {
      places.forEach(([at], i) => new Uint8Array(this.wasm.memory.buffer).set(arrays[i], at));
      return call(...places.flat());
    } finally {
      for (const [at, length] of places) this.wasm.free(at, length);
    }
  }

  check(error) {
    if (error === 0) return;
    const at = this.wasm.error_name(error);
    const memory = new Uint8Array(this.wasm.memory.buffer);
    throw new MlsError(new TextDecoder().decode(memory.slice(at, memory.indexOf(0, at))));
  }

  // Calls with so many fresh buffers and gives what they hold.
  outputs(count, call) {
    const bufs = Array.from({ length: count }, () => this.wasm.buf_new());
    try {
      this.check(call(...bufs));
      return bufs.map((buf) => this.read(this.wasm.buf_data(buf), this.wasm.buf_len(buf)));
    } finally {
      for (const buf of bufs) this.wasm.buf_free(buf);
    }
  }

  // Calls with the place of so many bytes of the instance, and gives them.
  fixed(length, call) {
    const at = this.wasm.alloc(length);
    try {
      this.check(call(at) ?? 0);
      return this.read(at, length);
    } finally {
      this.wasm.free(at, length);
    }
  }

  // ---- Key packages and groups -------------------------------------------------------------

  keyPackage({ suite, seed, identity, lifetime: [from, to] }) {
    const [message, secrets] = this.lend([seed, identity], (seedAt, _, at, length) => this.outputs(2,
      (messageOut, privateOut) => this.wasm.key_package_create(suite, seedAt, at, length, from, to,
        messageOut, privateOut)));
    return { message, secrets };
  }

  keyPackageRef(message) {
    return this.lend([message], (at, length) => this.outputs(1,
      (out) => this.wasm.key_package_ref(at, length, out)))[0];
  }

  #group(hooks, call) {
    const owner = this.#nextOwner++;
    this.#owners.set(owner, hooks);
    try {
      const handle = this.fixed(4, (out) => call(owner, out));
      return new Group(this, new DataView(handle.buffer).getUint32(0, true), () => this.#owners.delete(owner));
    } catch (error) {
      this.#owners.delete(owner);
      throw error;
    }
  }

  create({ suite, id, seed, identity, lifetime: [from, to], hooks }) {
    return this.#group(hooks, (owner, out) => this.lend([id, seed, identity],
      (idAt, idLength, seedAt, _, at, length) => this.wasm.group_create(owner, suite, idAt, idLength, seedAt,
        at, length, from, to, out)));
  }

  join({ welcome, secrets, seed, tree = new Uint8Array(), hooks }) {
    return this.#group(hooks, (owner, out) => this.lend([welcome, secrets, tree, seed],
      (welcomeAt, welcomeLength, at, length, treeAt, treeLength, seedAt) => this.wasm.group_join(owner,
        welcomeAt, welcomeLength, at, length, seedAt, treeAt, treeLength, out)));
  }

  // Gives the group and the commit by which it is joined; the commit is pending until group.mergePending(). `resync` is our
  // old leaf, when we were a member and lost our state.
  joinExternal({ groupInfo, tree = new Uint8Array(), seed, identity, resync = null, hooks }) {
    let commit;
    const group = this.#group(hooks, (owner, out) => {
      [commit] = this.lend([groupInfo, tree, seed, identity], (infoAt, infoLength, treeAt, treeLength, seedAt, _, at,
        length) => this.outputs(1, (commitOut) => this.wasm.group_join_external(owner, infoAt, infoLength, treeAt,
        treeLength, seedAt, at, length, Number(resync !== null), resync ?? 0, out, commitOut)));
      return 0;
    });
    return { group, commit };
  }

  restore({ state, hooks }) {
    return this.#group(hooks, (owner, out) => this.lend([state],
      (at, length) => this.wasm.group_load(owner, at, length, out)));
  }
}

class Group {
  #mls;
  #handle;
  #forget;

  constructor(mls, handle, forget) {
    this.#mls = mls;
    this.#handle = handle;
    this.#forget = forget;
  }

  free() {
    if (this.#handle !== 0) this.#mls.wasm.group_free(this.#handle);
    this.#handle = 0;
    this.#forget();
  }

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

  save() { return this.#output('group_save'); }

  groupInfo({ withTree = true } = {}) {
    return this.#mls.outputs(1, (out) => this.#mls.wasm.group_export_info(this.#handle, Number(withTree), out))[0];
  }

  export(label, context, size) {
    return this.#mls.lend([new TextEncoder().encode(`${label}\0`), context], (labelAt, _, at, length) => this.#mls.fixed(
      size, (out) => this.#mls.wasm.group_export(this.#handle, labelAt, at, length, out, size)));
  }

  // ---- Proposals and commits ----

  // Proposals are { add: key package }, { remove: leaf }, { psk: id } and, to propose only, { update: true }.
  #withList(proposals, call) {
    const { wasm } = this.#mls;
    const list = wasm.proposals_new();
    const arrays = proposals.map(({ add, psk }) => add ?? psk ?? new Uint8Array());
    try {
      return this.#mls.lend(arrays, (...places) => {
        proposals.forEach((proposal, i) => {
          const [at, length] = places.slice(2 * i);
          if (proposal.add) this.#mls.check(wasm.proposals_add(list, at, length));
          else if (proposal.psk) this.#mls.check(wasm.proposals_psk(list, at, length));
          else if (proposal.update) this.#mls.check(wasm.proposals_update(list));
          else this.#mls.check(wasm.proposals_remove(list, proposal.remove));
        });
        return call(list);
      });
    } finally {
      wasm.proposals_free(list);
    }
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
    const { wasm } = this.#mls;
    const received = wasm.received_new();
    try {
      this.#mls.check(this.#mls.lend([message],
        (at, length) => wasm.group_process(this.#handle, at, length, received)));
      return this.#describe(received);
    } finally {
      wasm.received_free(received);
    }
  }

  #describe(received) {
    const { wasm } = this.#mls;
    const bytes = (field) => this.#mls.read(wasm.received_data(received, field), wasm.received_len(received, field));
    const number = (field) => wasm.received_number(received, field) >>> 0;
    return {
      kind: kinds[number(0)],
      senderLeaf: number(1) === NO_LEAF ? null : number(1),
      sender: bytes(2),
      plaintext: bytes(0),
      authenticatedData: bytes(1),
      hasPath: number(2) !== 0,
      removesSelf: number(3) !== 0,
      changes: Array.from({ length: number(4) }, (_, i) => this.#describeChange(received, i)),
    };
  }

  #describeChange(received, index) {
    const { wasm } = this.#mls;
    const [type, leaf, proposer, byReference] = [0, 1, 2, 3].map(
      (field) => wasm.change_number(received, index, field) >>> 0);
    const at = wasm.change_credential(received, index);
    return {
      type: changes[type],
      leaf: leaf === NO_LEAF ? null : leaf,
      proposer: proposer === NO_LEAF ? null : proposer,
      byReference: byReference !== 0,
      identity: this.#mls.read(wasm.credential_data(at, 0), wasm.credential_len(at, 0)),
    };
  }
}
