using System.Globalization;

namespace OptimSharp.Distributed.Mpi;

/// <summary>What the environment says of how this process was started.</summary>
/// <param name="Launcher">Who started it, for messages.</param>
/// <param name="OpenMpi">Whether Open MPI's library is looked for first.</param>
/// <param name="Rank">Which rank this is, as the launcher says.</param>
/// <param name="Size">How many ranks the launcher started.</param>
sealed record MpiLaunch(string Launcher, bool OpenMpi, int Rank, int Size)
{
    /// <summary>
    /// How this process was started; null: not by an MPI launcher. Open MPI's mpirun comes first, since under it, started by Slurm, both sets are there. Slurm's
    /// own are those of a step, which srun starts: a batch script has the others as well, and is one process.
    /// </summary>
    /// <param name="variable">Reads an environment variable.</param>
    public static MpiLaunch? Read(Func<string, string?> variable)
    {
        return Of("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "Open MPI's mpirun", true)
            ?? Of("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MVAPICH's mpirun", false)
            ?? Of("PALS_RANKID", "PALS_SIZE", "Cray's launcher", false)
            ?? Of("PMI_RANK", "PMI_SIZE", Slurm() ? "srun" : "an mpiexec of MPICH's family", false)
            ?? Of("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "srun", variable("PMIX_RANK") is not null);

        bool Slurm() => variable("SLURM_STEP_NUM_TASKS") is not null;

        MpiLaunch? Of(string rank, string size, string launcher, bool openMpi) =>
            Number(variable(rank)) is { } own && Number(variable(size)) is { } all && all > 0 && own < all ? new(launcher, openMpi, own, all) : null;
    }

    /// <summary>How this process was started; null: not by an MPI launcher.</summary>
    public static MpiLaunch? OfThisProcess() => Read(Environment.GetEnvironmentVariable);

    static int? Number(string? text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
