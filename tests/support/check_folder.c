/* check_folder FOLDER...: what control_check_folder says of each, one line a folder: "ok", or the fault. For the tests
 * that hold the loader against the published JSON Schemas. */
#include "vault/base/secret.h"
#include "vault/control/control.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        vault_error err = {0};
        puts(control_check_folder(argv[i], &err) == VAULT_OK ? "ok" : err.detail);
    }
    return 0;
}
