-- Devices that keyx took out of their accounts. They get no login any more, and are shown why.
CREATE TABLE auth_removed (
    user_id   BLOB   NOT NULL REFERENCES auth_users (user_id),
    device_id BLOB   NOT NULL,
    fact      BLOB   NOT NULL, -- sotto.keyx.v1.DeviceRemoved
    PRIMARY KEY (user_id, device_id)
);
CREATE INDEX auth_removed_device ON auth_removed (device_id);
