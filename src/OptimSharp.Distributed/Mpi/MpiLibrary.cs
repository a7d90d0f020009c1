using System.Runtime.InteropServices;
using System.Text;

namespace OptimSharp.Distributed.Mpi;

/// <summary>An MPI library, found at run time. Its functions are called by address; what they return other than 0 is thrown.</summary>
sealed unsafe class MpiLibrary
{
    /// <summary>Room for an MPI_Status of any family: they have 20, 24 and 32 bytes.</summary>
    public const int StatusBytes = 64;

    readonly nint library;
    readonly delegate* unmanaged<nint, int, nint, int, int, nint, nint*, int> isend, irecv;
    readonly delegate* unmanaged<nint*, int*, byte*, int> test;
    readonly delegate* unmanaged<byte*, nint, int*, int> getCount;
    readonly delegate* unmanaged<int, int, nint, int*, byte*, int> iprobe;

    MpiLibrary(nint library, string name)
    {
        this.library = library;
        Name = name;
        Handles = MpiHandles.Of(library, name);
        isend = (delegate* unmanaged<nint, int, nint, int, int, nint, nint*, int>)Export("MPI_Isend");
        irecv = (delegate* unmanaged<nint, int, nint, int, int, nint, nint*, int>)Export("MPI_Irecv");
        test = (delegate* unmanaged<nint*, int*, byte*, int>)Export("MPI_Test");
        getCount = (delegate* unmanaged<byte*, nint, int*, int>)Export("MPI_Get_count");
        iprobe = (delegate* unmanaged<int, int, nint, int*, byte*, int>)Export("MPI_Iprobe");
        Version = ReadVersion();
    }

    /// <summary>What it was loaded as.</summary>
    public string Name { get; }

    /// <summary>Its name and version, as MPI_Get_library_version begins.</summary>
    public string Version { get; }

    public MpiHandles Handles { get; }

    /// <summary>Loads the library of a name or path, or the first that is there of the names in use.</summary>
    /// <param name="named">A name or path; null: those in use are tried.</param>
    /// <param name="openMpiFirst">Whether Open MPI's come before those of MPICH's family.</param>
    /// <exception cref="CommunicationException">There is none, or it has not MPI's functions.</exception>
    public static MpiLibrary Load(string? named, bool openMpiFirst)
    {
        string[] names = named is null ? MpiNames.InUse(openMpiFirst) : [named];
        foreach (var name in names)
        {
            if (!NativeLibrary.TryLoad(name, out var library))
                continue;
            try
            {
                return new(library, name);
            }
            catch (EntryPointNotFoundException e)
            {
                throw new CommunicationException($"The library '{name}' is no MPI library: {e.Message}", e);
            }
        }
        throw new CommunicationException($"No MPI library was found (tried {string.Join(", ", names)}). Install Open MPI or MPICH, or name its library in {MpiNames.Variable}.");
    }

    public void Init()
    {
        int given, initialized = 0;
        Check(((delegate* unmanaged<int*, int>)Export("MPI_Initialized"))(&initialized), "MPI_Initialized");
        if (initialized == 0)
            Check(((delegate* unmanaged<int*, byte***, int, int*, int>)Export("MPI_Init_thread"))(null, null, Handles.Serialized, &given), "MPI_Init_thread");
        else
            Check(((delegate* unmanaged<int*, int>)Export("MPI_Query_thread"))(&given), "MPI_Query_thread");
        if (given < Handles.Serialized)
            throw new CommunicationException($"{Version} allows calls from its first thread only: the communicator needs MPI_THREAD_SERIALIZED.");
        IsGuest = initialized != 0;
    }

    /// <summary>Whether somebody else in this process began MPI, and ends it.</summary>
    public bool IsGuest { get; private set; }

    public void Finish()
    {
        if (!IsGuest)
            Check(((delegate* unmanaged<int>)Export("MPI_Finalize"))(), "MPI_Finalize");
    }

    public void Abort(int code) => ((delegate* unmanaged<nint, int, int>)Export("MPI_Abort"))(Handles.World, code);

    public int Rank(nint communicator) => Number("MPI_Comm_rank", communicator);

    public int Size(nint communicator) => Number("MPI_Comm_size", communicator);

    /// <summary>All ranks again, with messages that meet nobody else's, and errors that are returned.</summary>
    public nint OwnWorld()
    {
        nint own = 0;
        Check(((delegate* unmanaged<nint, nint, int>)Export("MPI_Comm_set_errhandler"))(Handles.World, Handles.ErrorsReturn), "MPI_Comm_set_errhandler");
        Check(((delegate* unmanaged<nint, nint*, int>)Export("MPI_Comm_dup"))(Handles.World, &own), "MPI_Comm_dup");
        Check(((delegate* unmanaged<nint, nint, int>)Export("MPI_Comm_set_errhandler"))(own, Handles.ErrorsReturn), "MPI_Comm_set_errhandler");
        return own;
    }

    public void Free(nint communicator) => Check(((delegate* unmanaged<nint*, int>)Export("MPI_Comm_free"))(&communicator), "MPI_Comm_free");

    public nint Send(nint from, int bytes, int to, int tag, nint communicator)
    {
        nint request = 0;
        Check(isend(from, bytes, Handles.Byte, to, tag, communicator, &request), "MPI_Isend");
        return request;
    }

    public nint Receive(nint to, int bytes, int from, int tag, nint communicator)
    {
        nint request = 0;
        Check(irecv(to, bytes, Handles.Byte, from, tag, communicator, &request), "MPI_Irecv");
        return request;
    }

    /// <summary>Whether a request is done, and how many bytes it received, if it is one that receives.</summary>
    public bool Test(ref nint request, bool receives, out int received)
    {
        var status = stackalloc byte[StatusBytes];
        int done = 0, bytes = 0;
        fixed (nint* address = &request)
            Check(test(address, &done, status), "MPI_Test");
        if (done != 0 && receives)
            Check(getCount(status, Handles.Byte, &bytes), "MPI_Get_count");
        received = bytes;
        return done != 0;
    }

    /// <summary>Whether a message with this tag is there, from anybody.</summary>
    public bool Probe(int tag, nint communicator)
    {
        var status = stackalloc byte[StatusBytes];
        int there = 0;
        Check(iprobe(Handles.AnySource, tag, communicator, &there, status), "MPI_Iprobe");
        return there != 0;
    }

    public void Cancel(ref nint request)
    {
        fixed (nint* address = &request)
            Check(((delegate* unmanaged<nint*, int>)Export("MPI_Cancel"))(address), "MPI_Cancel");
    }

    /// <summary>The address of one of its functions.</summary>
    public nint Export(string name) => NativeLibrary.GetExport(library, name);

    void Check(int code, string call)
    {
        if (code != 0)
            throw new MpiException(call, code, Text(code));
    }

    int Number(string call, nint communicator)
    {
        int number = 0;
        Check(((delegate* unmanaged<nint, int*, int>)Export(call))(communicator, &number), call);
        return number;
    }

    string Text(int code)
    {
        var text = stackalloc byte[1024];
        int length = 0;
        var failed = ((delegate* unmanaged<int, byte*, int*, int>)Export("MPI_Error_string"))(code, text, &length);
        return failed == 0 ? Encoding.UTF8.GetString(text, length).Trim() : "an error that the library does not know";
    }

    string ReadVersion()
    {
        if (!NativeLibrary.TryGetExport(library, "MPI_Get_library_version", out var address))
            return Handles.Family;
        var text = new byte[8193];
        int length = 0;
        fixed (byte* start = text)
            if (((delegate* unmanaged<byte*, int*, int>)address)(start, &length) != 0)
                return Handles.Family;
        // "Open MPI v4.1.4, package: …" and "MPICH Version: 4.0.2", each followed by how it was built.
        return string.Join(' ', Encoding.UTF8.GetString(text, 0, length).Split(['\n', ','])[0].Replace("Version:", "").Split((char[])[' ', '\t', '\0'], StringSplitOptions.RemoveEmptyEntries));
    }
}
