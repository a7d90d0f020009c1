using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Runtime.Versioning;
using OptimSharp.Torch.Native;

namespace OptimSharp.Torch;

/// <summary>
/// Lets TorchSharp load on Linux systems whose C++ runtime is older than the one it was built with, such as Debian 12 and
/// Ubuntu 22.04. Without it, every <c>torch.*</c> call fails there.
/// </summary>
/// <remarks>
/// C# programs have nothing to do: the package adds a module initializer that calls <see cref="Prepare"/>. To leave it out, set
/// the property <c>OptimSharpTorchRuntimeLoader</c> to <c>false</c> in the project file. Programs in F# and Visual Basic, notebooks
/// and scripts call <see cref="Prepare"/> themselves, before their first use of TorchSharp.
/// </remarks>
public static class TorchRuntime
{
    static readonly Lock Gate = new();
    static bool prepared;
    static bool tried;
    static nint handle;

    /// <summary>What was done to load TorchSharp's native library and, where that failed, why.</summary>
    public static string Diagnostics { get; private set; } = "TorchRuntime.Prepare has not been called.";

    /// <summary>Makes ready to help. It never throws, and calling it again does nothing.</summary>
    /// <remarks>
    /// .NET asks for help only where it has looked for the library by itself and failed. So where the library loads as it is,
    /// and in programs that never come to use it, this call has no effect. A program compiled to native code (NativeAOT) cannot
    /// ask: there, this call loads the library. Nor does a notebook or a script that has its packages in the cache have a folder
    /// with all libraries in it: there, this call loads libtorch's.
    /// </remarks>
    public static void Prepare()
    {
        lock (Gate)
        {
            if (prepared) { return; }
            prepared = true;
            if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture is not (Architecture.X64 or Architecture.Arm64))
            {
                Diagnostics = "TorchSharp needs no help on this platform.";
                return;
            }
            Diagnostics = "TorchSharp has not asked for help: it loads as it is, or has not been used yet.";

            // Our own context is TorchSharp's too; naming one of its types here would load it into programs that don't use it.
            var own = typeof(TorchRuntime).Assembly;
            var context = AssemblyLoadContext.GetLoadContext(own) ?? AssemblyLoadContext.Default;
            context.ResolvingUnmanagedDll += (_, name) => name == TorchLibrary.Name ? Help() : 0;
            if (PackageCache.HasThis) { Try(TorchLibrary.LoadLibtorch); }
            if (!RuntimeFeature.IsDynamicCodeSupported && !NativeLibrary.TryLoad(TorchLibrary.Name, own, null, out _)) { Help(); }
        }
    }

    static nint Help()
    {
        lock (Gate)
        {
            if (tried || !OperatingSystem.IsLinux()) { return handle; }
            tried = true;
            Try(LoadAdapted);
            return handle;
        }
    }

    [SupportedOSPlatform("linux")]
    static string LoadAdapted()
    {
        handle = TorchLibrary.LoadAdapted(out var how);
        return how;
    }

    static void Try(Func<string> load)
    {
        try
        {
            Diagnostics = load();
        }
#pragma warning disable CA1031 // Whatever goes wrong here, TorchSharp's own message has to reach the user.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Diagnostics = e.Message;
        }
        Trace.WriteLine(Diagnostics, nameof(TorchRuntime));
    }
}
