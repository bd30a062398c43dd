// SPDX-License-Identifier: MIT
//
// The name under which an object of this folder has its address in the instance. No address leaves the folder.
export const HANDLE = Symbol('handle');
