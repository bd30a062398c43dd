// SPDX-License-Identifier: MIT
//
// Who answers the questions of struct mls_config: the hooks that came with a group, by the number it was made with.
//
//   checkCredential({ identity, signatureKey, replaces })  true: believed. Required where leaves come in
//   now()               Unix seconds; without it the clock of the machine
//   findPsk(id)         bytes, or null
//   findGroup(id)       the group of that id, or null
//   checkOutsider(change)  true: the proposal may be kept. Without it services may propose, and newcomers may not
//   lifetimeMax, leafBytesMax  bounds of a leaf, read when the group is made; without them there is none
import { change } from './received.mjs';

const CREDENTIAL_REFUSED = -15; // MLS_ECREDENTIAL
const PROPOSAL_REFUSED = -17; // MLS_EPROPOSAL
const PSK_UNKNOWN = -22; // MLS_EPSK

// The name under which an object of this folder has its address in the instance. No address leaves the folder.
export const HANDLE = Symbol('handle');

const letsServices = ({ proposerType }) => proposerType === 'external';

export class Owners {
  #all = new Map(); // number -> { hooks, uses }
  #next = 1;

  // Runs a call with the number of new hooks; gives what it gave, and the hold on them that the made thing keeps.
  making(hooks, call) {
    const owner = this.#next++;
    this.#all.set(owner, { hooks, uses: 1 });
    try {
      return [call(owner), this.#hold(owner)];
    } catch (error) {
      this.#all.delete(owner);
      throw error;
    }
  }

  // more(): another hold on the same hooks; drop(): one less.
  #hold(owner) {
    const entry = this.#all.get(owner);
    return {
      more: () => { entry.uses++; return this.#hold(owner); },
      drop: () => { if (--entry.uses === 0) this.#all.delete(owner); },
    };
  }

  // The answers for host.mjs; `inside` gives the Instance.
  answers(inside) {
    const hooks = (owner) => this.#all.get(owner).hooks;
    const limit = (bound) => Math.max(0, bound ?? 0);
    return {
      checkCredential: (owner, at) => (hooks(owner).checkCredential(inside().credential(at)) === true ? 0 : CREDENTIAL_REFUSED),
      now: (owner) => hooks(owner).now?.() ?? Math.floor(Date.now() / 1000),
      findPsk: (owner, id, out) => {
        const psk = hooks(owner).findPsk?.(id);
        return psk ? inside().lend([psk], (at, length) => inside().wasm.buf_set(out, at, length)) : PSK_UNKNOWN;
      },
      findGroup: (owner, id) => hooks(owner).findGroup?.(id)?.[HANDLE] ?? 0,
      checkOutsider: (owner, at) => ((hooks(owner).checkOutsider ?? letsServices)(change(inside(), at)) === true
        ? 0 : PROPOSAL_REFUSED),
      limit: (owner, which) => limit([hooks(owner).lifetimeMax, hooks(owner).leafBytesMax][which]),
    };
  }
}
