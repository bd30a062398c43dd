-- SPDX-License-Identifier: MIT
-- Accounts that were deleted: no keys are taken for them any more. Identity and key log of one that had keys stay.
CREATE TABLE keyx_deleted (
    user_id    BLOB NOT NULL PRIMARY KEY CHECK (length(user_id) = 16),
    deleted_ms BIGINT NOT NULL
);

-- Whether the device went with its account: the signature is then that of the deletion.
ALTER TABLE keyx_removed ADD COLUMN account BIGINT NOT NULL DEFAULT 0; -- 0 or 1
