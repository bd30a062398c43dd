// SPDX-License-Identifier: MIT
//
// crypto/mls as a JavaScript module over mls.wasm: key packages and groups with byte arrays, nothing of the memory shows.
//
//   const mls = await Mls.load(wasmBytes, nodePrimitives);
//   const ada = { seed, identity };                          // and a lifetime, extensionTypes: instance.mjs
//   const { message, secrets } = mls.keyPackage({ ...ben, suite: 3 });
//   const group = mls.create({ ...ada, suite: 3, id, hooks });
//   const { commit, welcome } = group.commit([{ add: message }]);    group.mergePending();
//
// The hooks of a group answer what the library asks (owners.mjs). Errors are MlsError, with the name of mls/error.h and its
// sentence. A group holds memory of the instance until free(); its rules (when to save, what waits) are those of mls/mls.h.
import { Group } from './group.mjs';
import { hostImports } from './host.mjs';
import { Instance } from './instance.mjs';
import { HANDLE, Owners } from './owners.mjs';
import { PublicGroup } from './public_group.mjs';
import * as views from './views.mjs';

export { MlsError } from './instance.mjs';

const NONE = 0xffffffff; // no leaf, no external sender
const nothing = new Uint8Array();

export class Mls {
  #inside;
  #owners = new Owners();

  // Compiles and starts the library; the primitives as in node_primitives.mjs.
  static async load(wasm, primitives) {
    const mls = new Mls();
    const answers = mls.#owners.answers(() => mls.#inside);
    mls.#inside = await Instance.load(wasm, (instance) => hostImports(instance, primitives, answers));
    return mls;
  }

  // ---- Key packages and signatures -----------------------------------------------------------

  // Of the hooks now and lifetimeMax count, when the client names no lifetime.
  keyPackage({ suite, hooks = {}, ...client }) {
    const inside = this.#inside;
    const [[message, secrets], hold] = this.#owners.making(hooks, (owner) => inside.keeping(() => inside.outputs(2,
      (...outs) => inside.wasm.key_package_create(owner, inside.keepClient(client), suite, ...outs))));
    hold.drop();
    return { message, secrets };
  }

  // Checks a key package and tells what it says.
  keyPackageInfo(message) { return views.viewKeyPackage(this.#inside, message); }

  // By the one rule for Ed25519 (docs/e2ee.md), whatever the primitives would take.
  verifySignature(publicKey, message, signature) {
    return this.#inside.lend([publicKey, message, signature],
      (key, _, at, length, signatureAt) => this.#inside.wasm.ed25519_verify(key, at, length, signatureAt)) === 0;
  }

  // ---- Groups ------------------------------------------------------------------------------

  // A thing of a kind, which `call` makes at the place it is given, with the number of its hooks.
  #made(Kind, hooks, call) {
    const [handle, hold] = this.#owners.making(hooks,
      (owner) => this.#inside.keeping(() => this.#inside.pointer((out) => call(owner, out))));
    return new Kind(this.#inside, handle, hold);
  }

  // The same with `count` outputs beside it: gives the group and them.
  #madeWith(count, hooks, call) {
    let outputs;
    const group = this.#made(Group, hooks, (owner, out) => {
      outputs = this.#inside.outputs(count, (...outs) => call(owner, out, outs));
      return 0;
    });
    return [group, ...outputs];
  }

  // `extensions` of the group context: a list of [type, data].
  create({ suite, id, extensions = [], hooks, ...client }) {
    const inside = this.#inside;
    return this.#made(Group, hooks, (owner, out) => inside.wasm.group_create(owner, inside.keepClient(client), suite,
      ...inside.keep(id), inside.keepExtensions(extensions), out));
  }

  // Gives the group; `onInviter` gets the leaf of who invites.
  join({ welcome, secrets, seed, tree = nothing, hooks, onInviter = () => {} }) {
    const inside = this.#inside;
    let group;
    const inviter = inside.pointer((inviterOut) => {
      group = this.#made(Group, hooks, (owner, out) => inside.wasm.group_join(owner, inside.keepClient({ seed }),
        ...inside.keep(welcome), ...inside.keep(secrets), ...inside.keep(tree), inviterOut, out));
      return 0;
    });
    onInviter(inviter);
    return group;
  }

  // Gives the group and the commit by which it is joined; the commit is pending until group.mergePending(). `resync` is our
  // old leaf, when we were a member and lost our state; `psks` are proposals of PSKs to bring in.
  joinExternal({ groupInfo, tree = nothing, resync = null, psks = [], authenticatedData = nothing, hooks, ...client }) {
    const inside = this.#inside;
    const [group, commit, nextInfo] = this.#madeWith(2, hooks, (owner, out, outs) => inside.wasm.group_join_external(owner,
      inside.keepClient(client), ...inside.keep(groupInfo), ...inside.keep(tree), resync ?? NONE,
      inside.keepProposals(psks), ...inside.keep(authenticatedData), out, ...outs));
    return { group, commit, groupInfo: nextInfo };
  }

  restore({ state, hooks }) {
    return this.#made(Group, hooks, (owner, out) => this.#inside.wasm.group_load(owner, ...this.#inside.keep(state), out));
  }

  // ---- Groups that continue a group --------------------------------------------------------

  // The successor that the ReInit of a closed group asks for, with key packages of all others.
  reinit({ old, keyPackages, hooks, ...client }) {
    const inside = this.#inside;
    const [group, commit, welcome] = this.#madeWith(2, hooks, (owner, out, outs) => inside.wasm.group_reinit(owner,
      inside.keepClient(client), old[HANDLE], inside.keepPackages(keyPackages), ...outs, out));
    return { group, commit, welcome };
  }

  // A group of some members of `old`, under an id of its own.
  branch({ old, id, keyPackages, hooks, ...client }) {
    const inside = this.#inside;
    const [group, commit, welcome] = this.#madeWith(2, hooks, (owner, out, outs) => inside.wasm.group_branch(owner,
      inside.keepClient(client), old[HANDLE], ...inside.keep(id), inside.keepPackages(keyPackages), ...outs, out));
    return { group, commit, welcome };
  }

  // ---- From outside ------------------------------------------------------------------------

  // What somebody proposes who is no member of the group with this GroupInfo: a service by its place among the
  // external_senders, or without one whoever asks to be added, with the seed of the key package.
  proposeFromOutside({ groupInfo, externalSender = null, seed, proposal, authenticatedData = nothing }) {
    const inside = this.#inside;
    const { suite, groupId, epoch } = this.viewGroupInfo(groupInfo);
    return inside.keeping(() => inside.output((out) => inside.wasm.propose_from_outside(suite, ...inside.keep(groupId), epoch,
      externalSender ?? NONE, inside.keep(seed)[0], inside.keepProposals([proposal]), ...inside.keep(authenticatedData), out)));
  }

  follow({ groupInfo, tree = nothing, hooks }) {
    const inside = this.#inside;
    return this.#made(PublicGroup, hooks,
      (owner, out) => inside.wasm.public_open(owner, ...inside.keep(groupInfo), ...inside.keep(tree), out));
  }

  restoreFollowed({ state, hooks }) {
    return this.#made(PublicGroup, hooks, (owner, out) => this.#inside.wasm.public_load(owner, ...this.#inside.keep(state), out));
  }

  // ---- What anybody may read of a message (views.mjs) ---------------------------------------

  viewMessage(message) { return views.viewMessage(this.#inside, message); }
  viewProposal(message) { return views.viewProposal(this.#inside, message); }
  viewCommit(message) { return views.viewCommit(this.#inside, message); }
  viewWelcome(message) { return views.viewWelcome(this.#inside, message); }
  viewGroupInfo(message) { return views.viewGroupInfo(this.#inside, message); }
}
