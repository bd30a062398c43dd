// SPDX-License-Identifier: MIT
//
// A member's group, as Mls makes it: proposals and commits, messages. Its rules are those of mls/mls.h.
import { Followed } from './followed.mjs';
import { received } from './received.mjs';

const nothing = new Uint8Array();

export class Group extends Followed {
  constructor(inside, handle, hold) {
    super(inside, 'group', handle, hold);
  }

  get ownLeaf() { return this.call('own_leaf'); }
  get isActive() { return this.call('is_active') !== 0; }
  get hasPending() { return this.call('has_pending') !== 0; }
  get epochAuthenticator() { return this.hash('epoch_authenticator'); }

  groupInfo({ withTree = true } = {}) { return this.output('export_info', Number(withTree)); }

  export(label, context, size) {
    return this.inside.lend([new TextEncoder().encode(`${label}\0`), context], (labelAt, _, at, length) => this.inside.fixed(
      size, (out) => this.call('export', labelAt, at, length, out, size)));
  }

  // ---- Proposals and commits (their form: instance.mjs) ----

  propose(proposal, { authenticatedData = nothing } = {}) {
    return this.inside.keeping(() => this.output('propose', this.inside.keepProposals([proposal]),
      ...this.inside.keep(authenticatedData)));
  }

  commit(proposals = [], { forcePath = false, welcomeWithoutTree = false, skipKept = false, authenticatedData = nothing } = {}) {
    const flags = Number(forcePath) + 2 * Number(welcomeWithoutTree) + 4 * Number(skipKept);
    const [commit, welcome, groupInfo] = this.inside.keeping(() => this.inside.outputs(3, (...outs) => this.call('commit',
      this.inside.keepProposals(proposals), flags, ...this.inside.keep(authenticatedData), ...outs)));
    return { commit, welcome, groupInfo };
  }

  mergePending() { this.inside.check(this.call('merge_pending')); }
  clearPending() { this.call('clear_pending'); }
  mergeStaged() { this.inside.check(this.call('merge_staged')); }
  dropStaged() { this.call('drop_staged'); }

  // ---- Messages ----

  encrypt(plaintext, { authenticatedData = nothing, paddingBlock = 0 } = {}) {
    return this.inside.lend([plaintext, authenticatedData], (...args) => this.output('encrypt', ...args, paddingBlock));
  }

  process(message) {
    return received(this.inside, (out) => this.inside.lend([message], (at, length) => this.call('process', at, length, out)));
  }

  // Throws unless a PublicMessage of this epoch is signed by whom it names, whatever else is wrong with it.
  checkSignature(message) {
    this.inside.lend([message], (at, length) => this.inside.check(this.call('check_signature', at, length)));
  }
}
