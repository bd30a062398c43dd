/* SPDX-License-Identifier: MIT */
/* The roster of the chat module: what somebody who logs in again and again can make it remember. */
#include "sotto_test.h"

#include "chat_roster.h"

#define LOGINS 2000
#define SEATED 7 /* one of them is known from the tables, one has a Sync under way */
#define AT_WORK 9

static void
name_device(uint8_t id[CHAT_ID_BYTES], uint32_t number)
{
    memset(id, 0, CHAT_ID_BYTES);
    memcpy(id, &number, sizeof(number));
}

static void
logins_with_ever_new_devices_fill_no_memory(void **state)
{
    static const uint8_t user[CHAT_ID_BYTES] = "alice", other[CHAT_ID_BYTES] = "bob";
    struct delivery ds = {.is_ready = true};
    struct chat_device *seated = NULL, *at_work = NULL, *of_other;
    uint8_t id[CHAT_ID_BYTES];

    (void)state;
    roster_init(&ds);
    name_device(id, 0);
    of_other = roster_device_need(&ds, other, id);
    for (uint32_t i = 0; i < LOGINS; i++) {
        struct chat_device *device;

        name_device(id, i);
        device = roster_device_need(&ds, user, id);
        roster_subscribe(device, i + 1);
        assert_ptr_equal(roster_device(&ds, user, id), device);
        assert_int_equal(device->session_count, 1); /* none of whoever had its place */
        if (i == SEATED)
            (seated = device)->num = 1;
        if (i == AT_WORK)
            (at_work = device)->holders = 1;
    }

    assert_int_equal(ds.devices.count, CHAT_DEVICES_MAX + 1);
    name_device(id, SEATED);
    assert_ptr_equal(roster_device(&ds, user, id), seated);
    name_device(id, AT_WORK);
    assert_ptr_equal(roster_device(&ds, user, id), at_work);
    name_device(id, 0);
    assert_null(roster_device(&ds, user, id));
    assert_ptr_equal(roster_device(&ds, other, id), of_other);
    roster_fini(&ds);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(logins_with_ever_new_devices_fill_no_memory),
};

SOTTO_TEST_MAIN(tests)
