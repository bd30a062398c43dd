-- SPDX-License-Identifier: MIT
-- Devices that were removed: their ids never come back, and who asks is shown the signed reason.
CREATE TABLE keyx_removed (
    user_id    BLOB NOT NULL REFERENCES keyx_identities (user_id),
    device_id  BLOB NOT NULL CHECK (length(device_id) = 16),
    by_device  BLOB NOT NULL CHECK (length(by_device) = 16),
    removed_ms BIGINT NOT NULL,
    signature  BLOB NOT NULL CHECK (length(signature) = 64),
    told       BIGINT NOT NULL CHECK (told IN (0, 1)), -- a second time, for modules that missed the first
    PRIMARY KEY (user_id, device_id)
);
CREATE INDEX keyx_removed_untold ON keyx_removed (told) WHERE told = 0;
