/* MPI 5's common binary interface over MPICH 4's library, as far as the communicator calls it. Libraries that have that interface are not in Debian yet: this
   shows that its handles, constants and status are used as the standard says. A handle that it does not know ends the process. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int source, tag, error, internal[5]; } Status;
typedef struct { int count, count_high, source, tag, error; } MpichStatus;

static void *function(const char *name)
{
    static void *library;
    if (!library)
        library = dlopen("libmpich.so.12", RTLD_NOW | RTLD_GLOBAL);
    void *found = library ? dlsym(library, name) : NULL;
    if (!found) {
        fprintf(stderr, "no %s: %s\n", name, dlerror());
        abort();
    }
    return found;
}
#define CALL(name, ...) ((int (*)())function(#name))(__VA_ARGS__)

static int known(uintptr_t handle, uintptr_t standard, int mpich)
{
    if (handle != standard) {
        fprintf(stderr, "handle 0x%lx where 0x%lx is meant\n", (unsigned long)handle, (unsigned long)standard);
        abort();
    }
    return mpich;
}

static int comm(uintptr_t handle) { return handle < 0x1000 ? known(handle, 0x101, 0x44000000) : (int)handle; } /* MPI_COMM_WORLD, or a duplicate */
static int type(uintptr_t handle) { return known(handle, 0x247, 0x4c00010d); }                               /* MPI_BYTE */
static int errors(uintptr_t handle) { return known(handle, 0x142, 0x54000001); }                             /* MPI_ERRORS_RETURN */
static int source(int rank) { return rank == -1 ? -2 : rank; }                                               /* MPI_ANY_SOURCE */

static void give(Status *status, const MpichStatus *from)
{
    memset(status, 0, sizeof *status);
    status->source = from->source, status->tag = from->tag, status->error = from->error;
    status->internal[0] = from->count, status->internal[1] = from->count_high;
}

int MPI_Init_thread(int *argc, char ***argv, int wanted, int *given)
{
    int result = CALL(MPI_Init_thread, argc, argv, wanted / 1024, given);
    *given *= 1024;
    return result;
}
int MPI_Query_thread(int *given)
{
    int result = CALL(MPI_Query_thread, given);
    *given *= 1024;
    return result;
}
int MPI_Initialized(int *flag) { return CALL(MPI_Initialized, flag); }
int MPI_Finalize(void) { return CALL(MPI_Finalize); }
int MPI_Abort(uintptr_t world, int code) { return CALL(MPI_Abort, comm(world), code); }
int MPI_Comm_rank(uintptr_t own, int *rank) { return CALL(MPI_Comm_rank, comm(own), rank); }
int MPI_Comm_size(uintptr_t own, int *size) { return CALL(MPI_Comm_size, comm(own), size); }
int MPI_Comm_set_errhandler(uintptr_t own, uintptr_t handler) { return CALL(MPI_Comm_set_errhandler, comm(own), errors(handler)); }
int MPI_Comm_dup(uintptr_t own, uintptr_t *other)
{
    int made = 0, result = CALL(MPI_Comm_dup, comm(own), &made);
    *other = (uintptr_t)(unsigned)made;
    return result;
}
int MPI_Comm_free(uintptr_t *own)
{
    int handle = comm(*own), result = CALL(MPI_Comm_free, &handle);
    *own = 0x100;
    return result;
}
int MPI_Isend(void *from, int count, uintptr_t of, int to, int tag, uintptr_t own, uintptr_t *request)
{
    int made = 0, result = CALL(MPI_Isend, from, count, type(of), to, tag, comm(own), &made);
    *request = (uintptr_t)(unsigned)made;
    return result;
}
int MPI_Irecv(void *to, int count, uintptr_t of, int from, int tag, uintptr_t own, uintptr_t *request)
{
    int made = 0, result = CALL(MPI_Irecv, to, count, type(of), source(from), tag, comm(own), &made);
    *request = (uintptr_t)(unsigned)made;
    return result;
}
int MPI_Test(uintptr_t *request, int *flag, Status *status)
{
    MpichStatus theirs = {0};
    int handle = (int)*request, result = CALL(MPI_Test, &handle, flag, &theirs);
    *request = (uintptr_t)(unsigned)handle;
    give(status, &theirs);
    return result;
}
int MPI_Iprobe(int from, int tag, uintptr_t own, int *flag, Status *status)
{
    MpichStatus theirs = {0};
    int result = CALL(MPI_Iprobe, source(from), tag, comm(own), flag, &theirs);
    give(status, &theirs);
    return result;
}
int MPI_Get_count(Status *status, uintptr_t of, int *count)
{
    MpichStatus theirs = {status->internal[0], status->internal[1], status->source, status->tag, status->error};
    return CALL(MPI_Get_count, &theirs, type(of), count);
}
int MPI_Cancel(uintptr_t *request)
{
    int handle = (int)*request;
    return CALL(MPI_Cancel, &handle);
}
int MPI_Error_string(int code, char *text, int *length) { return CALL(MPI_Error_string, code, text, length); }
int MPI_Get_library_version(char *text, int *length)
{
    strcpy(text, "MPI 5's interface over MPICH");
    *length = (int)strlen(text);
    return 0;
}
