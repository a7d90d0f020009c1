using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp.Torch.Native;

/// <summary>
/// The threads that libtorch's own operators run on. After an operator they wait for the next one awake, for some milliseconds: a step
/// on threads of .NET's would share the processors with them, while on them it starts at once. (Measured: docs/design/engine.md.)
/// </summary>
/// <remarks>OpenMP keeps a team for each thread that asks for one; <c>backward()</c> and the step run on the same.</remarks>
internal sealed unsafe partial class OpenMPThreads : IThreads
{
    /// <summary>Has steps run on libtorch's threads where it has GNU's OpenMP or one that offers its functions: on Linux.</summary>
    public static void Use()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            _ = MaxThreads();
            WorkerTeam.Borrowed = new OpenMPThreads();
        }
        catch (EntryPointNotFoundException)
        {
            // Steps run on .NET's threads.
        }
    }

    public void Run(ISharedWork work, int threads)
    {
        // More than libtorch uses would make OpenMP start threads for us and end them for libtorch, at each step.
        threads = Math.Min(threads, MaxThreads());
        if (threads == 1)
        {
            work.TakePart();
            return;
        }
        var region = new Region { Work = work };
        Parallel(&Enter, Unsafe.AsPointer(ref region), (uint)threads, 0);
        region.Error?.Throw();
    }

    struct Region
    {
        public ISharedWork Work;
        public ExceptionDispatchInfo? Error;
    }

    // The region is on the stack of the thread that waits for all others: it does not move, and the collector sees what it holds.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static void Enter(void* data)
    {
        ref var region = ref Unsafe.AsRef<Region>(data);
        try
        {
            region.Work.TakePart();
        }
#pragma warning disable CA1031 // No exception may pass through native frames; Run throws it again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            region.Error = ExceptionDispatchInfo.Capture(error);
        }
    }

    // LibTorchSharp does not have these itself: a function is looked for in the libraries that a library stands on, too.
    [LibraryImport("LibTorchSharp", EntryPoint = "GOMP_parallel")]
    private static partial void Parallel(delegate* unmanaged[Cdecl]<void*, void> function, void* data, uint threads, uint flags);

    [LibraryImport("LibTorchSharp", EntryPoint = "omp_get_max_threads"), SuppressGCTransition]
    private static partial int MaxThreads();
}
