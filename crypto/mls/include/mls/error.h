/* SPDX-License-Identifier: MIT */
/*
 * Errors of the MLS library.
 *
 * Every function that can fail returns 0 or one of the negative values below. The list is an
 * X-macro so that a value, its name and its sentence cannot drift apart. Numbers are stable: new
 * entries are appended, none is renumbered.
 *
 * An error says why bytes or a request were refused. It never says which secret differed, and a
 * caller may show its text to a user.
 */
#ifndef MLS_ERROR_H
#define MLS_ERROR_H

#define MLS_ERROR_MAP(X)                                                          \
    X(MLS_EDECODE, -1, "malformed or non-canonical encoding")                     \
    X(MLS_EARG, -2, "invalid argument or call order")                             \
    X(MLS_ENOMEM, -3, "out of memory")                                            \
    X(MLS_ESIZE, -4, "value exceeds a size limit")                                \
    X(MLS_EVERSION, -5, "unknown protocol version")                               \
    X(MLS_ESUITE, -6, "unknown or mismatched cipher suite")                       \
    X(MLS_ECRYPTO, -7, "the crypto provider failed or refused a key")             \
    X(MLS_ESIGNATURE, -8, "signature does not verify")                            \
    X(MLS_EAEAD, -9, "ciphertext does not authenticate")                          \
    X(MLS_EMAC, -10, "message authentication code does not match")                \
    X(MLS_EEPOCH, -11, "message belongs to another epoch")                        \
    X(MLS_EGROUP, -12, "message belongs to another group")                        \
    X(MLS_ETREE, -13, "invalid ratchet tree")                                     \
    X(MLS_EPARENT_HASH, -14, "parent hash does not match the tree")               \
    X(MLS_ECREDENTIAL, -15, "credential refused")                                 \
    X(MLS_ELIFETIME, -16, "key package is outside its lifetime")                  \
    X(MLS_EPROPOSAL, -17, "invalid proposal or proposal list")                    \
    X(MLS_EPATH, -18, "missing, unexpected or invalid update path")               \
    X(MLS_EREPLAY, -19, "message key was already used or dropped")                \
    X(MLS_EGENERATION, -20, "message generation is too far ahead")                \
    X(MLS_ENOTFOUND, -21, "no such member, extension or key package")             \
    X(MLS_EPSK, -22, "pre-shared key is not known")                               \
    X(MLS_EPENDING, -23, "a commit of our own is pending, or none is")            \
    X(MLS_ESTAGED, -24, "a received commit is staged, or none is")                \
    X(MLS_EPROPOSALS, -25, "proposals of this epoch must be committed first")     \
    X(MLS_EOWN, -26, "message was sent by ourselves")                             \
    X(MLS_EREMOVED, -27, "we are no longer a member of the group")                \
    X(MLS_EUNSUPPORTED, -28, "a part of the protocol this library does not have") \
    X(MLS_ECLOSED, -29, "the group was closed by a ReInit; use its successor")    \
    X(MLS_ELINK, -30, "a new group does not match the group it continues")        \
    X(MLS_ECONFIRMATION, -31, "confirmation tag of a commit does not match")

enum mls_error {
    MLS_OK = 0,
#define MLS_ERROR_VALUE(name, value, text) name = (value),
    MLS_ERROR_MAP(MLS_ERROR_VALUE)
#undef MLS_ERROR_VALUE
};

#ifdef __cplusplus
extern "C" {
#endif

/* Describes an error in one lower-case sentence without a full stop; "ok" for 0 and "unknown error"
 * for a value that is not in the list. The string is static. Any thread. */
const char *mls_error_text(int error);

/* Names an error as in the source, for example "MLS_EAEAD". Static string. Any thread. */
const char *mls_error_name(int error);

#ifdef __cplusplus
}
#endif
#endif
