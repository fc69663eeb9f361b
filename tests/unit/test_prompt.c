/* SPDX-License-Identifier: Apache-2.0 */
/* A password is asked for at a terminal: it is not shown, and whoever ends the question gets the
 * terminal back as it was. The program is the one that is shipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static bool echoes(int tty)
{
    struct termios t;
    assert_int_equal(tcgetattr(tty, &t), 0);
    return (t.c_lflag & (tcflag_t)ECHO) != 0;
}

/* Starts the command at a terminal of its own and waits until it does not show what is typed. */
static pid_t ask(int *ret_terminal)
{
    pid_t pid = forkpty(ret_terminal, NULL, NULL, NULL);
    if (pid == 0) {
        execl(SANJI_PROGRAM, "sanji", "erase", "confirm", "1", "--as", "somebody", "--data",
              "/nowhere", (char *)NULL);
        _exit(99);
    }
    assert_true(pid > 0);
    for (int i = 0; i < 1000 && echoes(*ret_terminal); i++) {
        usleep(10000);
    }
    assert_false(echoes(*ret_terminal));
    return pid;
}

static void ended(int terminal, pid_t pid, int *ret_status)
{
    char out[4096];
    assert_int_equal(waitpid(pid, ret_status, 0), pid);
    assert_true(read(terminal, out, sizeof out) > 0);
    assert_true(echoes(terminal));
    close(terminal);
}

static void answered(void **state)
{
    int terminal, status;
    (void)state;
    pid_t pid = ask(&terminal);
    assert_int_equal(write(terminal, "secret\n", 7), 7);
    ended(terminal, pid, &status);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 99);
}

static void ended_by(const char *key, int sig)
{
    int terminal, status;
    pid_t pid = ask(&terminal);
    if (key != NULL) {
        assert_int_equal(write(terminal, key, 1), 1);
    } else {
        assert_int_equal(kill(pid, sig), 0);
    }
    ended(terminal, pid, &status);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), sig);
}

static void ended_by_a_person(void **state)
{
    (void)state;
    ended_by("\x03", SIGINT);
    ended_by("\x1c", SIGQUIT);
    ended_by(NULL, SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answered),
        cmocka_unit_test(ended_by_a_person),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
