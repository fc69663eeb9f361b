/* SPDX-License-Identifier: Apache-2.0 */
/* One binary: daemon and command line. */
#include "node/cli/verb.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
