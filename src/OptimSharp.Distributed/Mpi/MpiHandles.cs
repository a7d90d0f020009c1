using System.Runtime.InteropServices;

namespace OptimSharp.Distributed.Mpi;

/// <summary>
/// What a library calls the few things that are asked of it. Handles are passed as <see cref="nint"/>: where the library has integers of 32 bits, it takes
/// the lower half of the register.
/// </summary>
/// <param name="Family">Whose handles these are, for messages.</param>
/// <param name="World">MPI_COMM_WORLD.</param>
/// <param name="Byte">MPI_BYTE.</param>
/// <param name="ErrorsReturn">MPI_ERRORS_RETURN.</param>
/// <param name="AnySource">MPI_ANY_SOURCE.</param>
/// <param name="Serialized">MPI_THREAD_SERIALIZED: any thread may call, one at a time.</param>
sealed record MpiHandles(string Family, nint World, nint Byte, nint ErrorsReturn, int AnySource, int Serialized)
{
    /// <summary>MPICH and what shares its binary interface: Intel MPI, Cray MPICH, MVAPICH, MS-MPI.</summary>
    public static MpiHandles Mpich { get; } = new("MPICH", 0x44000000, 0x4c00010d, 0x54000001, -2, 2);

    /// <summary>The binary interface that MPI 5 defines for all.</summary>
    public static MpiHandles Standard { get; } = new("MPI 5's common interface", 0x101, 0x247, 0x142, -1, 2048);

    /// <summary>Open MPI's handles are the addresses of objects that its library exports.</summary>
    public static MpiHandles OpenMpi(nint library) => new("Open MPI", NativeLibrary.GetExport(library, "ompi_mpi_comm_world"),
        NativeLibrary.GetExport(library, "ompi_mpi_byte"), NativeLibrary.GetExport(library, "ompi_mpi_errors_return"), -1, 2);

    /// <summary>The handles of a library. Its name comes first: MPI 5's common library may be a layer over another, whose exports are found through it.</summary>
    public static MpiHandles Of(nint library, string name)
    {
        if (Path.GetFileName(name).Contains("mpi_abi", StringComparison.OrdinalIgnoreCase))
            return Standard;
        return NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out _) ? OpenMpi(library) : Mpich;
    }
}
