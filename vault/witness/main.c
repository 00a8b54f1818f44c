/* vault-witness. */
#include "vault/witness/program.h"

int main(int argc, char **argv)
{
    return witness_run(argc, argv, stdout);
}
