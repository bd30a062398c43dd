-- SPDX-License-Identifier: MIT
-- The oldest refresh token of a login is looked up whenever there is to be one more.
DROP INDEX auth_refresh_login;
CREATE INDEX auth_refresh_login ON auth_refresh (login_id, counter);
