// SPDX-License-Identifier: MIT
//
// What anybody may read of a message, without a group (mls/view.h): for delivery services and for whoever sorts what came.
// Numbers of fields are those of exports_view.c. Nothing is verified, but a key package, which is checked whole.
import { proposalTypes, senderTypes } from './received.mjs';

const wireFormats = { 1: 'public', 2: 'private', 3: 'welcome', 4: 'group info', 5: 'key package' };
const contentTypes = { 1: 'application', 2: 'proposal', 3: 'commit' };
const OF_PROPOSAL = 0, OF_KEY_PACKAGE = 1, OF_COMMIT = 2;

// Reads a message with the export of that name and describes it while the instance still has it.
function reading(inside, name, message, describe) {
  return inside.lend([message], (at, length) => {
    const view = inside.wasm.view_new();
    try {
      inside.check(inside.wasm[name](view, at, length));
      return describe({
        number: (field) => inside.wasm.view_number(view, field),
        bytes: (field) => inside.view(inside.wasm.view_bytes(view, field)),
        credential: (which) => {
          const { identity, signatureKey } = inside.credential(inside.wasm.view_credential(view, which));
          return { identity, signatureKey };
        },
        next: () => inside.check(inside.wasm[`${name}_next`](view)) === 1,
      });
    } finally {
      inside.wasm.view_free(view);
    }
  });
}

const isSet = (number) => number !== 0;

export function viewMessage(inside, message) {
  return reading(inside, 'view_message', message, ({ number, bytes }) => ({
    wireFormat: wireFormats[number(0)],
    suite: number(1),
    groupId: bytes(0),
    epoch: number(2),
    contentType: contentTypes[number(3)] ?? null,
    senderType: senderTypes[number(4)] ?? null,
    sender: number(5),
    authenticatedData: bytes(1),
    contentBytes: number(6),
  }));
}

export function viewKeyPackage(inside, message) {
  return reading(inside, 'view_key_package', message, ({ number, bytes, credential }) => ({
    ref: bytes(20),
    suite: number(20),
    ...credential(OF_KEY_PACKAGE),
    lifetime: [number(21), number(22)],
    initKey: bytes(21),
    leafBytes: number(23),
  }));
}

export function viewGroupInfo(inside, message) {
  return reading(inside, 'view_group_info', message, ({ number, bytes }) => ({
    suite: number(30),
    groupId: bytes(30),
    epoch: number(31),
    treeHash: bytes(31),
    signer: number(32),
    hasExternalPub: isSet(number(33)),
    hasRatchetTree: isSet(number(34)),
  }));
}

// A proposal as it stands: which fields count depends on its type.
function proposal({ number, bytes, credential }) {
  const type = number(11);
  return {
    type: proposalTypes[type] ?? type,
    ...credential(OF_PROPOSAL),
    suite: number(12),
    keyPackageRef: bytes(11),
    lifetime: [number(14), number(15)],
    leaf: number(13),
    encoded: bytes(10),
  };
}

// With the ProposalRef by which a commit names it.
export function viewProposal(inside, message) {
  return reading(inside, 'view_proposal', message, (told) => ({ ...proposal(told), ref: told.bytes(13) }));
}

// Its proposals in order: { ref } of one by reference, else the proposal.
export function viewCommit(inside, message) {
  return reading(inside, 'view_commit', message, (told) => {
    const proposals = [];
    while (told.next()) proposals.push(isSet(told.number(10)) ? { ref: told.bytes(12) } : proposal(told));
    const hasPath = isSet(told.number(40));
    return { hasPath, path: hasPath ? told.credential(OF_COMMIT) : null, proposals };
  });
}

// For whom a Welcome is: the KeyPackageRefs.
export function viewWelcome(inside, message) {
  return reading(inside, 'view_welcome', message, (told) => {
    const refs = [];
    while (told.next()) refs.push(told.bytes(13));
    return { suite: told.number(50), refs, groupInfoBytes: told.number(52) };
  });
}
