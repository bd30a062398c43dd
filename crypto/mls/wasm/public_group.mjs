// SPDX-License-Identifier: MIT
//
// A group that is followed without its secrets (mls/public_group.h), as a delivery service does. A commit leaves it as it is
// and gives the next one beside it; whoever goes on with that frees this one.
import { Followed } from './followed.mjs';
import { received } from './received.mjs';

export class PublicGroup extends Followed {
  constructor(inside, handle, hold) {
    super(inside, 'public', handle, hold);
  }

  get memoryBytes() { return this.call('memory'); }

  // Keeps a proposal of this epoch and tells what it asks for.
  takeProposal(message) {
    return received(this.inside, (out) => this.inside.lend([message],
      (at, length) => this.call('take_proposal', at, length, out)));
  }

  // Forgets kept proposals but for the `count` oldest.
  forgetProposals(count = 0) { this.call('forget_proposals', count); }

  // Tells what a commit changes, and gives the group it leads to.
  takeCommit(message) {
    let told;
    const next = this.inside.pointer((nextOut) => {
      told = received(this.inside, (out) => this.inside.lend([message],
        (at, length) => this.call('take_commit', at, length, out, nextOut)));
      return 0;
    });
    return { ...told, next: new PublicGroup(this.inside, next, this.moreHold()) };
  }

  // Throws unless a GroupInfo is one of this epoch; gives the leaf of the member who signed it.
  checkInfo(groupInfo) {
    return this.inside.pointer((signer) => this.inside.lend([groupInfo],
      (at, length) => this.call('check_info', at, length, signer)));
  }
}
