namespace OptimSharp.Distributed.Mpi;

/// <summary>The names under which MPI libraries are installed.</summary>
static class MpiNames
{
    /// <summary>The environment variable that names the library to load, instead of those in use.</summary>
    public const string Variable = "OPTIMSHARP_MPI_LIBRARY";

    /// <summary>The names to try, in order. A name without a version, which may be either family's, and MPI 5's common library come last.</summary>
    public static string[] InUse(bool openMpiFirst)
    {
        if (OperatingSystem.IsWindows())
            return ["msmpi.dll", "impi.dll"];
        string[] openMpi, mpich, last;
        if (OperatingSystem.IsMacOS())
            (openMpi, mpich, last) = (["libmpi.40.dylib"], ["libmpi.12.dylib", "libpmpi.12.dylib"], ["libmpi_abi.0.dylib", "libmpi_abi.dylib", "libmpi.dylib"]);
        else
            (openMpi, mpich, last) = (
                ["libmpi.so.40"], // Open MPI 2 to 5
                ["libmpi.so.12", "libmpich.so.12", "libmpi_cray.so.12"], // MPICH, Intel MPI and MVAPICH; Debian's MPICH; Cray's
                ["libmpi_abi.so.0", "libmpi_abi.so", "libmpi.so"]);
        return openMpiFirst ? [.. openMpi, .. mpich, .. last] : [.. mpich, .. openMpi, .. last];
    }
}
