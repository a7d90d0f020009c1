using OptimSharp.Distributed.Mpi;

namespace OptimSharp.Distributed.Tests.Mpi;

/// <summary>What the environment says of how a process was started.</summary>
public sealed class MpiLaunchTests
{
    [Theory]
    [InlineData("OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4", "Open MPI's mpirun", true, 3, 4)]
    [InlineData("PMI_RANK=0 PMI_SIZE=2", "an mpiexec of MPICH's family", false, 0, 2)]
    [InlineData("MV2_COMM_WORLD_RANK=1 MV2_COMM_WORLD_SIZE=2 PMI_RANK=1 PMI_SIZE=2", "MVAPICH's mpirun", false, 1, 2)]
    [InlineData("PALS_RANKID=5 PALS_SIZE=8", "Cray's launcher", false, 5, 8)]
    [InlineData("SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2 SLURM_NTASKS=2 PMI_RANK=1 PMI_SIZE=2", "srun", false, 1, 2)]
    [InlineData("SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2 SLURM_NTASKS=2 PMIX_RANK=1", "srun", true, 1, 2)]
    [InlineData("SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2 OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=6", "Open MPI's mpirun", true, 2, 6)] // mpirun in an allocation
    public void Each_launcher_is_known(string environment, string launcher, bool openMpi, int rank, int size) =>
        Assert.Equal(new MpiLaunch(launcher, openMpi, rank, size), Read(environment));

    [Theory]
    [InlineData("")]
    [InlineData("SLURM_PROCID=0 SLURM_NTASKS=4")] // a batch script: one process, which may start others
    [InlineData("RANK=1 WORLD_SIZE=2 LOCAL_RANK=1")] // torchrun, which is no MPI
    [InlineData("OMPI_COMM_WORLD_RANK=x OMPI_COMM_WORLD_SIZE=4")]
    [InlineData("PMI_RANK=2 PMI_SIZE=2")]
    public void Other_processes_are_alone(string environment) => Assert.Null(Read(environment));

    [Fact]
    public void The_launchers_own_library_is_looked_for_first()
    {
        if (!OperatingSystem.IsLinux())
            return;
        string[] openMpi = MpiNames.InUse(openMpiFirst: true), mpich = MpiNames.InUse(openMpiFirst: false);
        Assert.Equal("libmpi.so.40", openMpi[0]);
        Assert.Equal(["libmpi.so.12", "libmpich.so.12"], mpich[..2]);
        Assert.Equal(openMpi.Order(), mpich.Order());
    }

    static MpiLaunch? Read(string environment)
    {
        var variables = environment.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(one => one.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
        return MpiLaunch.Read(name => variables.GetValueOrDefault(name));
    }
}
