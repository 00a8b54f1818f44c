#include "tests/support/harness.h"
#include "vault/base/address.h"

#include <arpa/inet.h>

TEST("an address with a port is read, and whether others get there")
{
    address a;
    assert_true(address_parse(&a, "127.0.0.1:9464") && a.loopback);
    assert_int_equal(ntohs(a.at.v4.sin_port), 9464);
    assert_true(address_parse(&a, "[::1]:0") && a.loopback && a.at.any.sa_family == AF_INET6);
    assert_true(address_parse(&a, "0.0.0.0:8843") && !a.loopback);
    assert_true(address_parse(&a, "10.2.3.4:65535") && !a.loopback);
    assert_true(address_parse(&a, "[2001:db8::1]:443") && !a.loopback);
}

TEST("names, missing or wild ports and rubbish are no addresses")
{
    static const char *const BAD[] = {"",
                                      ":",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:1x",
                                      "localhost:1",
                                      "127.0.0.1.evil:1",
                                      "[::1]",
                                      "[]:1",
                                      "127.1:1"};
    address a;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) assert_false(address_parse(&a, BAD[i]));
}

TEST("only a number can be this machine alone: a name may lead anywhere")
{
    assert_true(address_host_is_loopback("127.0.0.1") && address_host_is_loopback("127.9.9.9"));
    assert_true(address_host_is_loopback("::1") && address_host_is_loopback("[::1]"));
    static const char *const BAD[] = {"",          "localhost", "127.0.0.1.example", "10.0.0.1",
                                      "[10.0.0.1", "::2",       "0.0.0.0",           "[]"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) assert_false(address_host_is_loopback(BAD[i]));
}
