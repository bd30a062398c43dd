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
// findPsk(id) -> bytes or null, findGroup(id) -> the group of that id or null. Errors are MlsError with the name of mls/error.h. A group holds memory of the instance until
// free(); its rules (when to save, what waits) are those of mls/mls.h.
import { Group } from './group.mjs';
import { HANDLE } from './handle.mjs';
import { hostImports } from './host.mjs';
import { PublicGroup } from './public_group.mjs';

const CREDENTIAL_REFUSED = -15; // MLS_ECREDENTIAL
const PSK_UNKNOWN = -22; // MLS_EPSK

export class MlsError extends Error {
  constructor(name) {
    super(name);
    this.name = name;
  }
}

export class Mls {
  #owners = new Map(); // number of an owner -> { hooks, uses }
  #kept = [];
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
        const [identity, signatureKey, oldIdentity, oldKey] = [0, 1, 2, 3].map(
          (field) => this.view(this.wasm.credential_bytes(at, field)));
        const replaces = oldKey.length > 0 ? { identity: oldIdentity, signatureKey: oldKey } : null;
        const good = this.#owners.get(owner).hooks.checkCredential({ identity, signatureKey, replaces });
        return good === true ? 0 : CREDENTIAL_REFUSED;
      },
      now: (owner) => this.#owners.get(owner).hooks.now?.() ?? Math.floor(Date.now() / 1000),
      findPsk: (owner, id, out) => {
        const psk = this.#owners.get(owner).hooks.findPsk?.(id);
        return psk ? this.lend([psk], (at, length) => this.wasm.buf_set(out, at, length)) : PSK_UNKNOWN;
      },
      findGroup: (owner, id) => this.#owners.get(owner).hooks.findGroup?.(id)?.[HANDLE] ?? 0,
    };
  }

  get wasm() { return this.instance.exports; }

  // ---- Bytes in and out --------------------------------------------------------------------

  read(at, length) { return new Uint8Array(this.wasm.memory.buffer).slice(at, at + length); }

  view(at) { return this.read(this.wasm.bytes_data(at), this.wasm.bytes_len(at)); }

  // Runs a call that keeps arrays in the instance until it returns; then they are wiped.
  keeping(call) {
    const before = this.#kept;
    this.#kept = [];
    try {
      return call();
    } finally {
      for (const end of this.#kept) end();
      this.#kept = before;
    }
  }

  keep(array) {
    const at = this.wasm.alloc(array.length);
    new Uint8Array(this.wasm.memory.buffer).set(array, at);
    this.#kept.push(() => this.wasm.free(at, array.length));
    return [at, array.length];
  }

  // A list of [type, data].
  keepExtensions(extensions = []) {
    const list = this.wasm.extensions_new();
    this.#kept.push(() => this.wasm.extensions_free(list));
    for (const [type, data] of extensions) this.check(this.wasm.extensions_add(list, type, ...this.keep(data)));
    return list;
  }

  // Copies arrays into the instance for one call, as address and length each, and wipes them after it.
  lend(arrays, call) {
    return this.keeping(() => call(...arrays.flatMap((array) => this.keep(array))));
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

  // The number that a call writes to a place it is given.
  pointer(call) {
    const bytes = this.fixed(4, call);
    return new DataView(bytes.buffer).getUint32(0, true);
  }

  // What asks the same hooks: more() for another one, drop() for one less.
  #owned(owner) {
    const entry = this.#owners.get(owner);
    return {
      more: () => { entry.uses++; return this.#owned(owner); },
      drop: () => { if (--entry.uses === 0) this.#owners.delete(owner); },
    };
  }

  #made(Kind, hooks, call) {
    const owner = this.#nextOwner++;
    this.#owners.set(owner, { hooks, uses: 1 });
    try {
      return new Kind(this, this.pointer((out) => call(owner, out)), this.#owned(owner));
    } catch (error) {
      this.#owners.delete(owner);
      throw error;
    }
  }

  #group(hooks, call) { return this.#made(Group, hooks, call); }

  // `extensions` of the group context: a list of [type, data].
  create({ suite, id, seed, identity, lifetime: [from, to], extensions = [], hooks }) {
    return this.#group(hooks, (owner, out) => this.lend([id, seed, identity],
      (idAt, idLength, seedAt, _, at, length) => this.wasm.group_create(owner, suite, idAt, idLength, seedAt,
        at, length, from, to, this.keepExtensions(extensions), out)));
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

  // ---- Groups that continue a group --------------------------------------------------------

  #continued({ old, id, seed, identity, lifetime: [from, to], keyPackages, hooks }) {
    let made;
    const group = this.#group(hooks, (owner, out) => this.keeping(() => {
      const list = this.wasm.packages_new();
      try {
        for (const one of keyPackages) this.check(this.wasm.packages_add(list, ...this.keep(one)));
        made = this.outputs(2, (...outs) => this.wasm.group_continue(owner, old[HANDLE], ...this.keep(id),
          this.keep(seed)[0], ...this.keep(identity), from, to, list, ...outs, out));
        return 0;
      } finally {
        this.wasm.packages_free(list);
      }
    }));
    return { group, commit: made[0], welcome: made[1] };
  }

  // The successor that the ReInit of a closed group asks for, with key packages of all others.
  reinit(params) { return this.#continued({ ...params, id: new Uint8Array() }); }

  // A group of some members of `old`, under an id of its own.
  branch(params) { return this.#continued(params); }

  // ---- Following from outside --------------------------------------------------------------

  follow({ groupInfo, tree = new Uint8Array(), hooks }) {
    return this.#made(PublicGroup, hooks, (owner, out) => this.lend([groupInfo, tree],
      (infoAt, infoLength, treeAt, treeLength) => this.wasm.public_open(owner, infoAt, infoLength, treeAt, treeLength, out)));
  }

  restoreFollowed({ state, hooks }) {
    return this.#made(PublicGroup, hooks, (owner, out) => this.lend([state],
      (at, length) => this.wasm.public_load(owner, at, length, out)));
  }
}
