-- Accounts that were deleted. Their row in auth_users stays without name, record and idempotency key, so that the login
-- name (name_key) is never given out again; 0: it was not deleted.
ALTER TABLE auth_users ADD COLUMN deleted_ms BIGINT NOT NULL DEFAULT 0;

CREATE TABLE auth_deletions (
    user_id    BLOB   NOT NULL PRIMARY KEY REFERENCES auth_users (user_id),
    by_device  BLOB   NOT NULL,
    deleted_ms BIGINT NOT NULL,  -- as the user signed it
    signature  BLOB   NOT NULL,  -- empty: the account had no keys
    told       BIGINT NOT NULL CHECK (told IN (0, 1)) -- for so long that other modules have it
);
CREATE INDEX auth_deletions_untold ON auth_deletions (told) WHERE told = 0;
