/* vault-verify. */
#include "vault/verify/verify.h"

int main(int argc, char **argv)
{
    return verify_run(argc, argv, stdout);
}
