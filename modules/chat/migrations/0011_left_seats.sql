-- SPDX-License-Identifier: MIT
-- The seats that a device has left, which each Sync asks for: without it, a walk through all chats that it is in.
CREATE INDEX chat_seats_left ON chat_seats (device) WHERE leaf IS NULL;
