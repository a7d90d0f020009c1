using System.Globalization;
using OptimSharp.Resume;

// Training that the tests stop, kill and start again, each time as a process of its own.
switch (args)
{
    case ["killed", var folder, var steps]:
        KilledRun.Train(folder, int.Parse(steps, CultureInfo.InvariantCulture));
        break;
    case ["grid", var folder]:
        ResumeGrid.Train(folder);
        break;
    case ["grid", var folder, var step]:
        ResumeGrid.Resume(folder, int.Parse(step, CultureInfo.InvariantCulture));
        break;
    case ["hold", var folder, var name]:
        Saves.Hold(folder, name);
        break;
    case ["directory", var folder, var name, var count]:
        Saves.Directory(folder, name, int.Parse(count, CultureInfo.InvariantCulture));
        break;
    case ["shards", var path, var step]:
        Saves.Shards(path, long.Parse(step, CultureInfo.InvariantCulture));
        break;
    default:
        throw new ArgumentException("Use: killed FOLDER STEPS | grid FOLDER [STEP] | hold FOLDER NAME | directory FOLDER NAME COUNT | shards PATH STEP");
}
